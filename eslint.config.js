import js from '@eslint/js'
import tseslint from 'typescript-eslint'

const childProcess = { name: 'node:child_process', message: 'Programs are run by scripts/lib/exec.ts: one wrapper with a fixed environment, a deadline and a whole-group kill.' }
const zx = { name: 'zx', message: 'zx lives in scripts/lib/exec.ts alone.' }
const zxParts = { group: ['zx/*'], message: zx.message }
const bareNames = { group: ['fs', 'fs/*', 'path', 'os', 'child_process', 'crypto', 'util', 'url', 'events', 'net', 'stream', 'stream/*'], message: 'Write node: before a module of Node.' }
const restricted = (...paths) => ['error', { paths, patterns: paths.includes(zx) ? [bareNames, zxParts] : [bareNames] }]

export default tseslint.config(
  { ignores: ['node_modules/', 'out/', 'coverage/', 'test/fixtures/', 'test/golden/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // The likeliest severe bugs here: a process nobody waits for, a case nobody thought of.
      '@typescript-eslint/no-floating-promises': ['error', { checkThenables: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports', disallowTypeAnnotations: false }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      'no-restricted-imports': restricted(childProcess, zx),
      'no-console': 'error',
      eqeqeq: 'error',

      // Erasable TypeScript: what Node itself could run by leaving the types out.
      'no-restricted-syntax': ['error',
        { selector: 'TSEnumDeclaration', message: 'Use a union of literals: enums are not erasable.' },
        { selector: 'TSParameterProperty', message: 'Write the field out: parameter properties are not erasable.' },
        { selector: 'TSModuleDeclaration[declare!=true]', message: 'Use a module: namespaces are not erasable.' },
        { selector: 'CallExpression[callee.property.name=/^(exec|execFile|spawn)Sync$/]', message: 'A synchronous process cannot be interrupted.' },
        { selector: 'CallExpression[callee.name=/^(exec|execFile|spawn)Sync$/]', message: 'A synchronous process cannot be interrupted.' },
      ],

      // The house's punctuation. Core rules, since prettier would rewrite every aligned table and one-line object.
      semi: ['error', 'never'],
      quotes: ['error', 'single', { avoidEscape: true, allowTemplateLiterals: true }],
      'eol-last': 'error',
      'no-trailing-spaces': 'error',
      'comma-dangle': ['error', { arrays: 'always-multiline', objects: 'always-multiline', imports: 'always-multiline', exports: 'always-multiline', functions: 'only-multiline' }],

      // Relaxed, each for a reason.
      // A type parameter that is used once documents what a stage hands on; Stage<…> is written that way.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // tsconfig's noPropertyAccessFromIndexSignature is off; process.env['PATH'] says that PATH may be missing.
      '@typescript-eslint/dot-notation': 'off',
      // A method that ignores its context is passed on as a property of Stage and Log on purpose.
      '@typescript-eslint/unbound-method': ['error', { ignoreStatic: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // `return done()` leaves early from a function that returns nothing; `failed ? reject(error) : resolve()` reads well.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreVoidReturningFunctions: true, ignoreVoidOperator: true }],
      '@typescript-eslint/no-unused-expressions': ['error', { allowTernary: true }],
      // What was caught earlier is thrown on as it is.
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true, allowThrowingAny: false }],
    },
  },
  {
    files: ['scripts/lib/exec.ts'],
    rules: { 'no-restricted-imports': restricted(childProcess) },
  },
  {
    // A lock's holder and the lab's process tree outlive a call; the debug shell owns the terminal; set-up runs before zx is installed.
    files: ['scripts/lib/file-lock.ts', 'images/smoke/lab/tree.ts', 'scripts/lib/debug-shell.ts', 'scripts/set-up.mjs'],
    rules: { 'no-restricted-imports': restricted(zx) },
  },
  {
    // Pure: what a plan says depends on its input alone.
    files: ['**/plan.ts'],
    rules: {
      'no-restricted-globals': ['error', ...['process', 'Date', 'performance', 'fetch', 'setTimeout', 'crypto'].map((name) => ({ name, message: 'A plan reads no clock, environment, network or process.' }))],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'A plan is the same every time.' }],
    },
  },
  {
    files: ['test/**'],
    rules: {
      // A test has nothing else to do meanwhile, and may have to kill what it started.
      'no-restricted-imports': restricted(zx),
      'no-restricted-syntax': 'off',
      // Test data is what the test says it is.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },
  {
    // Plain JavaScript has no types to check: configuration, set-up before npm, the lab's hosts.
    files: ['**/*.{js,mjs,cjs}'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', Buffer: 'readonly', URL: 'readonly', setTimeout: 'readonly', clearTimeout: 'readonly', setInterval: 'readonly', clearInterval: 'readonly', setImmediate: 'readonly', performance: 'readonly', AbortController: 'readonly', TextDecoder: 'readonly', module: 'writable', require: 'readonly' } },
    rules: { 'no-console': 'off', '@typescript-eslint/no-require-imports': 'off', '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
  {
    // Runs inside the lab's own namespaces, by itself, and starts what a check asks for there.
    files: ['images/smoke/lab/hosts/*.mjs'],
    rules: { 'no-restricted-imports': restricted(zx) },
  },
)
