import { isMap, isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml'
import { z } from 'zod'
import type { ErrorCode } from './error-codes.ts'
import { ForgeError } from './errors.ts'

/**
 * Parses YAML against a schema. All problems are reported at once, each with line and column, as
 * `file:line:column path: message`; unknown keys come with the nearest known one.
 * @throws ForgeError with `code`
 */
export function parseSpec<T>(text: string, fileName: string, schema: z.ZodType<T>, code: ErrorCode): T {
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: true })
  const [syntax] = document.errors
  if (syntax) {
    const { line, col } = counter.linePos(syntax.pos[0])
    throw new ForgeError(code, `${fileName}:${String(line)}:${String(col)} not YAML: ${syntax.message}`)
  }
  const result = schema.safeParse(dataOf(document, counter, fileName, code) ?? {})
  if (result.success) return result.data
  const context: Context = { document, counter, fileName, schema: z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema }
  const problems = result.error.issues.flatMap((issue) => describe(issue, context))
  throw new ForgeError(code, problems.join('\n'), { hint: 'an editor with the published JSON Schema shows what is allowed where' })
}

/** Aliases are followed only here: one may have no anchor, or many may multiply without bound. */
function dataOf(document: Document.Parsed, counter: LineCounter, fileName: string, code: ErrorCode): unknown {
  try {
    return document.toJS()
  } catch (cause) {
    let offset = 0
    visit(document, { Alias: (_key, alias) => {
      if (alias.resolve(document)) return undefined
      offset = alias.range?.[0] ?? 0
      return visit.BREAK
    } })
    const { line, col } = counter.linePos(offset)
    throw new ForgeError(code, `${fileName}:${String(line)}:${String(col)} not YAML: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

interface JsonSchema {
  $ref?: string
  $defs?: Record<string, JsonSchema>
  additionalProperties?: JsonSchema | boolean
  properties?: Record<string, JsonSchema>
  items?: JsonSchema
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
}

interface Context {
  document: Document.Parsed
  counter: LineCounter
  fileName: string
  schema: JsonSchema
}

function describe(issue: z.core.$ZodIssue, context: Context): string[] {
  if (issue.code === 'unrecognized_keys') {
    const known = [...knownKeys(context.schema, issue.path)]
    return issue.keys.map((key) => {
      const near = nearest(key, known)
      return `${at([...issue.path, key], context)} unknown key; ${near === undefined ? `known here: ${known.join(', ')}` : `did you mean "${near}"?`}`
    })
  }
  // A union reports nothing useful itself; the branch that came furthest does.
  if (issue.code === 'invalid_union') {
    const [best] = issue.errors.filter((branch) => branch.length > 0).sort((a, b) => Number(a[0]?.code === 'invalid_type') - Number(b[0]?.code === 'invalid_type') || a.length - b.length)
    if (best) return best.flatMap((inner) => describe({ ...inner, path: [...issue.path, ...inner.path] }, context))
    if ('options' in issue) return [`${at(issue.path, context)} ${notAnOption(context.document.getIn(issue.path), issue.options.map(String))}`]
  }
  const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined')
  return [`${at(issue.path, context)} ${missing ? `missing (${issue.expected})` : issue.message}`]
}

/** Of what decides which keys there are. */
function notAnOption(value: unknown, options: readonly string[]): string {
  const all = `one of ${options.join(', ')}`
  if (value === undefined) return `missing (${all})`
  const near = typeof value === 'string' ? nearest(value, options) : undefined
  return `${JSON.stringify(value)} is not ${all}${near === undefined ? '' : `; did you mean "${near}"?`}`
}

function at(path: readonly PropertyKey[], { document, counter, fileName }: Context): string {
  const keys = path.map((part) => typeof part === 'number' ? part : String(part))
  const { line, col } = counter.linePos(offsetOf(keys, document))
  return `${fileName}:${String(line)}:${String(col)} ${keys.join('.') || '(file)'}:`
}

/** The offset of the key that the path ends in, or of the nearest thing that exists. */
function offsetOf(path: readonly (string | number)[], document: Document.Parsed): number {
  const parent = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents
  const last = path.at(-1)
  if (last !== undefined && isMap(parent)) {
    const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(last))
    if (isScalar(pair?.key) && pair.key.range) return pair.key.range[0]
  }
  const node = document.getIn(path, true) as { range?: [number, number, number] } | undefined
  if (node?.range) return node.range[0]
  return path.length > 0 ? offsetOf(path.slice(0, -1), document) : 0
}

function knownKeys(schema: JsonSchema, path: readonly PropertyKey[], root: JsonSchema = schema): Set<string> {
  const branches = [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].map((branch) => resolved(branch, root))
  const [first, ...rest] = path
  if (first === undefined) return new Set(branches.flatMap((branch) => Object.keys(branch.properties ?? {})))
  return new Set(branches.flatMap((branch) => {
    const others = typeof branch.additionalProperties === 'object' ? branch.additionalProperties : undefined
    const next = typeof first === 'number' ? branch.items : branch.properties?.[String(first)] ?? others
    return next ? [...knownKeys(next, rest, root)] : []
  }))
}

/** A schema that contains itself is named once, in the root's `$defs`. */
function resolved(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const name = /^#\/\$defs\/(.+)$/.exec(schema.$ref ?? '')?.[1]
  return name === undefined ? schema : root.$defs?.[name] ?? schema
}

function nearest(word: string, known: readonly string[]): string | undefined {
  const [best] = known.map((candidate) => ({ candidate, distance: editDistance(word, candidate) })).sort((a, b) => a.distance - b.distance)
  return best && best.distance <= Math.max(2, Math.floor(word.length / 3)) ? best.candidate : undefined
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_unused, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i]
    for (let j = 1; j <= b.length; j += 1) {
      current[j] = Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
