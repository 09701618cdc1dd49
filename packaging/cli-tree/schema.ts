import { z } from 'zod'

const engine = z.enum(['jool', 'tayga'])
const mode = z.enum(['inline', 'isolated', 'iptables'])
const help = z.string().regex(/^[^\n]*[^\n.]$/, 'one line without a full stop at its end')
const helpOfType = { help: help.optional().describe('What VyOS shows beside this form of value') }

/** What a value may be, or the name of a tag node. */
export const valueType = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('integer'), min: z.number().int(), max: z.number().int(), ...helpOfType }),
  z.strictObject({ type: z.literal('text'), maxLength: z.number().int().positive(), ...helpOfType }),
  z.strictObject({ type: z.literal('word'), words: z.record(z.string().regex(/^[a-z0-9-]+$/), help).describe('Each word with its help') }),
  z.strictObject({ type: z.literal('ipv6net'), lengths: z.array(z.number().int().min(0).max(128)).optional().describe('Prefix lengths that are allowed; default: all'), ...helpOfType }),
  z.strictObject({ type: z.enum(['ipv4', 'ipv4net', 'ipv6', 'port', 'portrange', 'interface']), ...helpOfType }),
])
export type ValueType = z.infer<typeof valueType>

/**
 * A node as it is written. Which keys it has makes it a part that is taken from elsewhere (`use`), a tag node (`names`), a
 * plain node (`children`) or a leaf (the rest).
 */
export interface WrittenNode {
  use?: string | undefined
  help?: string | undefined
  about?: string | undefined
  priority?: number | undefined
  names?: ValueType[] | undefined
  children?: Record<string, WrittenNode> | undefined
  value?: ValueType[] | undefined
  multi?: true | undefined
  required?: true | undefined
  default?: string | undefined
  engineDefault?: string | undefined
  unit?: string | undefined
  suggest?: string[] | undefined
  jool?: string | undefined
  engines?: ('jool' | 'tayga')[] | undefined
  modes?: ('inline' | 'isolated' | 'iptables')[] | undefined
}

const nodeName = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'a node is named in small letters, digits and hyphens')

function nodeSchema(parts: ReadonlySet<string>): z.ZodType<WrittenNode> {
  const node: z.ZodType<WrittenNode> = z.strictObject({
    use: z.string().optional().describe('The name of a part that stands here'),
    help: help.optional().describe('One line, as VyOS shows it'),
    about: z.string().optional().describe('What a person should know beside that; for the reference and the manual'),
    priority: z.number().int().min(1).max(1000).optional().describe('When VyOS commits it; of a root only'),
    names: z.array(valueType).min(1).optional().describe('Of a tag node: what its name may be'),
    get children() { return z.record(nodeName, node).optional() },
    value: z.array(valueType).min(1).optional().describe('Of a leaf: what its value may be, one of these; a leaf without is a switch'),
    multi: z.literal(true).optional().describe('Of a leaf: may be given several times'),
    required: z.literal(true).optional().describe('Of a leaf: must be there where the tag node above it is, or else the node that holds it; if engine and mode admit it'),
    default: z.string().optional().describe('The value where nothing is written'),
    engineDefault: z.string().optional().describe('What the engine does where nothing is written; nat64ctl leaves that to it'),
    unit: z.string().optional(),
    suggest: z.array(z.string()).min(1).optional().describe('Values that completion offers beside words'),
    jool: z.string().optional().describe('What Jool itself calls it'),
    engines: z.array(engine).min(1).optional().describe('Only with these; with all that is below'),
    modes: z.array(mode).min(1).optional().describe('Only in these modes of Jool, with all that is below; says nothing of TAYGA, which has none'),
  }).superRefine((written, context) => {
    for (const { path, message } of contradictions(written, parts)) context.addIssue({ code: 'custom', path, message })
  })
  return node
}

/** A file of `packaging/vyos-nat64/cli`: a root of the tree, or parts that several places use. */
export function cliFile(parts: ReadonlySet<string>): z.ZodType<CliFile> {
  const node = nodeSchema(parts)
  return z.strictObject({
    roots: z.record(nodeName, node).default({}),
    parts: z.record(nodeName, node).default({}),
  })
}
export interface CliFile {
  roots: Record<string, WrittenNode>
  parts: Record<string, WrittenNode>
}

/** What the types of a node's keys cannot say. */
function contradictions(node: WrittenNode, parts: ReadonlySet<string>): { path: string[]; message: string }[] {
  const given = Object.keys(node)
  const beside = (key: string, allowed: readonly string[]): { path: string[]; message: string }[] =>
    given.filter((other) => other !== key && !allowed.includes(other)).map((other) => ({ path: [other], message: `has no meaning beside "${key}"` }))
  if (node.use !== undefined) {
    return parts.has(node.use) ? beside('use', []) : [{ path: ['use'], message: `there is no part "${node.use}"; there are ${[...parts].sort().join(', ')}` }]
  }
  const problems = node.help === undefined ? [{ path: ['help'], message: 'missing (string)' }] : []
  const everywhere = ['help', 'about', 'engines', 'modes', 'priority']
  if (node.names !== undefined) return [...problems, ...beside('names', [...everywhere, 'children']), ...(node.children === undefined ? [{ path: ['names'], message: 'a tag node has children' }] : [])]
  if (node.children !== undefined) return [...problems, ...beside('children', everywhere)]
  if (node.value === undefined) return [...problems, ...['multi', 'default', 'unit', 'suggest', 'required'].filter((key) => given.includes(key)).map((key) => ({ path: [key], message: 'a leaf without "value" is a switch, and has none' }))]
  for (const type of node.value) if (type.type === 'integer' && type.min > type.max) problems.push({ path: ['value'], message: `no integer is from ${String(type.min)} to ${String(type.max)}` })
  for (const key of ['default', 'engineDefault'] as const) {
    const value = node[key]
    if (value !== undefined && !node.value.some((type) => fits(value, type))) problems.push({ path: [key], message: `"${value}" is none of what "value" allows` })
  }
  return problems
}

/** As far as defaults need it: nat64ctl checks addresses in earnest. */
function fits(value: string, type: ValueType): boolean {
  switch (type.type) {
    case 'integer': return /^\d+$/.test(value) && Number(value) >= type.min && Number(value) <= type.max
    case 'port': return /^\d+$/.test(value) && Number(value) >= 1 && Number(value) <= 65_535
    case 'word': return Object.hasOwn(type.words, value)
    case 'text': return value.length <= type.maxLength
    case 'ipv4': return /^[\d.]+$/.test(value)
    case 'ipv6': return /^[\da-f:]+$/.test(value)
    case 'ipv4net': return /^[\d.]+\/\d+$/.test(value)
    case 'ipv6net': return /^[\da-f:]+\/\d+$/.test(value) && (type.lengths?.includes(Number(value.split('/')[1])) ?? true)
    case 'portrange': return /^\d+-\d+$/.test(value)
    case 'interface': return false
    default: return type satisfies never
  }
}
