import type { ValueType } from '../schema.ts'
import type { CliNode, CliTree } from '../tree.ts'

/** A node as VyOS's interface definitions have it. What VyOS is told of a node, in whichever form, is made of this. */
export interface Definition {
  kind: 'node' | 'tagNode' | 'leafNode'
  name: string
  help: string
  /** The script that VyOS runs when something at or below this node changes. */
  owner?: string
  priority?: number
  defaultValue?: string
  valueHelp: readonly ValueHelp[]
  completion: readonly Completion[]
  constraint?: Constraint
  multi: boolean
  valueless: boolean
  children: readonly Definition[]
}

export interface ValueHelp { format: string; description: string }
/** `list`: words; `script`: a command that prints words; `path`: the names below a node of the configuration. */
export interface Completion { kind: 'list' | 'path' | 'script'; text: string }
/** A value is good where any of these says so. */
export interface Constraint { regexes: readonly string[]; validators: readonly Validator[]; message: string }
/** A program of VyOS that gets its argument and the value. */
export interface Validator { name: string; argument?: string }

/** VyOS's shell variables, which its templates and its own programs expand. */
export const confScripts = '${vyos_conf_scripts_dir}'
const completions = '${vyos_completion_dir}'

/** The tree's roots. A root named `x` belongs to the script `x.py`. */
export function definitions(tree: CliTree): Definition[] {
  return [...tree].map(([name, node]) => ({ ...definition(name, node), owner: `${confScripts}/${name}.py` }))
}

function definition(name: string, node: CliNode): Definition {
  const common = { name, help: node.help, valueHelp: [], completion: [], multi: false, valueless: false }
  switch (node.kind) {
    case 'node':
      return { ...common, kind: 'node', ...(node.priority === undefined ? {} : { priority: node.priority }), children: below(node.children) }
    case 'tag':
      return { ...common, kind: 'tagNode', ...ofValues(node.names, node.help, []), children: below(node.children) }
    case 'leaf':
      if (node.value === undefined) return { ...common, kind: 'leafNode', valueless: true, children: [] }
      return {
        ...common, kind: 'leafNode', multi: node.multi ?? false, ...ofValues(node.value, node.help, node.suggest ?? []),
        ...(node.default === undefined ? {} : { defaultValue: node.default }), children: [],
      }
    default:
      return node satisfies never
  }
}

function below(children: ReadonlyMap<string, CliNode>): Definition[] {
  return [...children].map(([name, child]) => definition(name, child))
}

type OfValues = Pick<Definition, 'valueHelp' | 'completion'> & { constraint: Constraint }

function ofValues(types: readonly ValueType[], help: string, suggest: readonly string[]): OfValues {
  const words = [...types.flatMap((type) => type.type === 'word' ? Object.keys(type.words) : []), ...suggest]
  const checks = types.map(check)
  // The validator of ranges takes single ports too.
  const validators = checks.flatMap(({ validator }) => validator ?? []).filter(({ name }) => !(name === 'numeric' && types.some(({ type }) => type === 'portrange')))
  return {
    valueHelp: types.flatMap((type) => valueHelp(type, help)),
    completion: [
      ...(words.length === 0 ? [] : [{ kind: 'list' as const, text: words.join(' ') }]),
      ...(types.some(({ type }) => type === 'interface') ? [{ kind: 'script' as const, text: `${completions}/list_interfaces` }] : []),
    ],
    constraint: { regexes: checks.flatMap(({ regex }) => regex ?? []), validators, message: `Valid is ${listed(types.map(said))}` },
  }
}

function valueHelp(type: ValueType, help: string): ValueHelp[] {
  if (type.type === 'word') return Object.entries(type.words).map(([format, description]) => ({ format, description }))
  const lengths = type.type === 'ipv6net' && type.lengths !== undefined ? ` of length ${listed(type.lengths.map(String))}` : ''
  return [{ format: format(type), description: `${type.help ?? help}${lengths}` }]
}

/** VyOS's names of kinds of values. */
function format(type: Exclude<ValueType, { type: 'word' }>): string {
  switch (type.type) {
    case 'integer': return `u32:${String(type.min)}-${String(type.max)}`
    case 'port': return 'u32:1-65535'
    case 'portrange': return 'range'
    case 'text': return 'txt'
    case 'interface': case 'ipv4': case 'ipv4net': case 'ipv6': case 'ipv6net': return type.type
    default: return type satisfies never
  }
}

/**
 * What refuses a wrong value when it is set. Prefix lengths are left to the commit, as VyOS does it: its validators know none, and a
 * pattern beside one would let pass what either of them does.
 */
function check(type: ValueType): { regex?: string; validator?: Validator } {
  switch (type.type) {
    case 'integer': return { validator: { name: 'numeric', argument: `--range ${String(type.min)}-${String(type.max)}` } }
    case 'port': return { validator: { name: 'numeric', argument: '--range 1-65535' } }
    case 'portrange': return { validator: { name: 'port-range' } }
    case 'text': return { regex: `.{0,${String(type.maxLength)}}` }
    case 'word': return { regex: `(${Object.keys(type.words).join('|')})` }
    // Not VyOS's own pattern: an interface may be one that this package makes, or any of a container's.
    case 'interface': return { regex: '[a-zA-Z0-9][a-zA-Z0-9_.@-]{0,14}' }
    case 'ipv4': return { validator: { name: 'ipv4-address' } }
    case 'ipv4net': return { validator: { name: 'ipv4-prefix' } }
    case 'ipv6': return { validator: { name: 'ipv6-address' } }
    case 'ipv6net': return { validator: { name: 'ipv6-prefix' } }
    default: return type satisfies never
  }
}

/** As nat64ctl says it of a configuration file. */
function said(type: ValueType): string {
  switch (type.type) {
    case 'integer': return `a number from ${String(type.min)} to ${String(type.max)}`
    case 'word': return listed(Object.keys(type.words))
    case 'text': return `a text of at most ${String(type.maxLength)} characters`
    case 'port': return 'a port from 1 to 65535'
    case 'portrange': return 'a range of ports, such as 1024-65535'
    case 'interface': return 'the name of an interface'
    case 'ipv4': return 'an IPv4 address, such as 192.0.2.1'
    case 'ipv4net': return 'an IPv4 network, such as 192.0.2.0/24'
    case 'ipv6': return 'an IPv6 address, such as 2001:db8::1'
    case 'ipv6net': return 'an IPv6 network, such as 2001:db8::/96'
    default: return type satisfies never
  }
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.slice(-1).join('')}`
}
