import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PositionEncoding, Workspace, type Diagnostic } from '@astral-sh/ruff-wasm-nodejs'
import { pythonFiles, pythonFolders, type PythonKind } from './python-files.ts'

// ruff over the Python that runs on routers, and over its tests. It refuses most syntax that Python 3.7 does not have, too;
// python-3.7.py sees the rest.
//
//   npm run python:lint

/** ruff's own names of its rules. */
const select = [
  'A', 'ARG', 'B', 'BLE', 'C4', 'C90', 'DTZ', 'E', 'ERA', 'EXE', 'F', 'FA', 'FLY', 'FURB', 'G', 'I', 'ISC', 'LOG', 'N', 'PERF', 'PGH', 'PIE', 'PLC', 'PLE', 'PLW', 'PYI',
  'RET', 'RSE', 'RUF', 'S', 'SIM', 'SLF', 'SLOT', 'UP', 'W', 'YTT',
]
const ignore = [
  'S101', // An assert narrows a type; nothing that must hold on a router is left to one.
  'S603', 'S607', // Programs get lists of words, and are found in a PATH that we set.
  'N818', // An exception may be named for what it holds: Problems.
  'RUF001', 'RUF002', 'RUF003', // Texts and comments have dashes and arrows.
  'UP031', 'UP032', 'RUF005', // "%d of %d" % numbers, and one list + another, read well.
  'PLC0415', // What only some commands need is imported by those: a process that starts for one command is mostly imports.
  'PERF203', // Where a loop goes on after an error, the try is inside it.
]
const ignoreInTests = ['S', 'SLF', 'ARG']

const settings = (ignored: readonly string[]): object => ({
  'target-version': 'py37',
  'line-length': 150,
  lint: {
    select, ignore: ignored,
    isort: { 'known-first-party': ['nat64ctl', 'vyos_nat64'] },
    mccabe: { 'max-complexity': 15 },
    // Dict and Optional are what 3.7 has at run time; one way to write a type is enough.
    pyupgrade: { 'keep-runtime-typing': true },
  },
})

const workspaces: Record<PythonKind, Workspace> = {
  package: new Workspace(settings(ignore), PositionEncoding.Utf32),
  test: new Workspace(settings([...ignore, ...ignoreInTests]), PositionEncoding.Utf32),
}

/** What ruff has against a text, each as `line:column: rule message`. */
export function lintPython(text: string, kind: PythonKind): string[] {
  const found = workspaces[kind].check(text) as Diagnostic[]
  return found.map(({ start_location: { row, column }, code, message }) => `${String(row)}:${String(column)}: ${code ?? 'syntax'} ${message}`)
}

async function main(): Promise<void> {
  const projectDir = fileURLToPath(new URL('../..', import.meta.url))
  let files = 0
  for (const kind of Object.keys(pythonFolders) as PythonKind[]) {
    for (const path of await pythonFiles(projectDir, kind)) {
      files += 1
      for (const problem of lintPython(await readFile(join(projectDir, path), 'utf8'), kind)) {
        process.stdout.write(`${path}:${problem}\n`)
        process.exitCode = 1
      }
    }
  }
  if (files === 0) throw new Error('no Python was found')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
