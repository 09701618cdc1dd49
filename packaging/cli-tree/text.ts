import type { ValueType } from './schema.ts'
import type { CliNode, CliTree, LeafNode } from './tree.ts'

/** What the reference and the manual show: a tag node, or a part of a root that has none above it, with the leaves that belong to it. */
export interface Section {
  /** `nat64 source rule <1-999999>` */
  path: string
  help: string
  about?: string
  /** Of the nodes above it that are in no section of their own. */
  limits: string[]
  leaves: LeafRow[]
}

export interface LeafRow {
  /** Relative to the section: `source prefix`. */
  path: string
  node: LeafNode
  limits: string[]
  /** Of plain nodes between the section and the leaf, where something is said of them. */
  above: string[]
}

/** The whole tree in the order in which it is written. */
export function sections(tree: CliTree): Section[] {
  return [...tree].flatMap(([name, node]) => sectionsOf(name, node))
}

function sectionsOf(path: string, node: CliNode): Section[] {
  if (node.kind === 'leaf') return []
  const full = node.kind === 'tag' ? `${path} <${node.names.map(form).join('|')}>` : path
  const inner: Section[] = []
  const leaves = [...node.children].flatMap(([name, child]) => leavesOf(name, child, { full, inner, limits: [], above: [] }))
  // A root and what only holds rules says nothing by itself.
  const own = leaves.length === 0 ? [] : [{ path: full, help: node.help, ...(node.about === undefined ? {} : { about: node.about }), limits: limitsOf(node), leaves }]
  return [...own, ...inner]
}

interface Above { full: string; inner: Section[]; limits: readonly string[]; above: readonly string[] }

/** Leaves below plain nodes; tag nodes, and the nodes directly below a root, become sections. */
function leavesOf(path: string, node: CliNode, { full, inner, limits, above }: Above): LeafRow[] {
  const here = [...limits, ...limitsOf(node)]
  if (node.kind === 'leaf') return [{ path, node, limits: here, above: [...above] }]
  if (node.kind === 'tag' || !full.includes(' ')) {
    inner.push(...sectionsOf(`${full} ${path}`, node))
    return []
  }
  const said = node.about === undefined ? above : [...above, node.about]
  return [...node.children].flatMap(([name, child]) => leavesOf(`${path} ${name}`, child, { full, inner, limits: here, above: said }))
}

const engineNames = { jool: 'Jool', tayga: 'TAYGA' } as const

function limitsOf({ engines, modes }: CliNode): string[] {
  return [
    ...(engines === undefined ? [] : [`${engines.map((name) => engineNames[name]).join(', ')} only`]),
    ...(modes === undefined ? [] : [`in mode ${modes.join(' or ')}`]),
  ]
}

/** How a value is written in a synopsis: `1-999999`, `ipv6net`, `jool|tayga`. */
export function form(type: ValueType): string {
  switch (type.type) {
    case 'integer': return `${String(type.min)}-${String(type.max)}`
    case 'word': return Object.keys(type.words).join('|')
    case 'port': return '1-65535'
    case 'portrange': return 'first-last'
    case 'interface': return 'name'
    case 'text': case 'ipv4': case 'ipv4net': case 'ipv6': case 'ipv6net': return type.type
    default: return type satisfies never
  }
}

/** `engine jool|tayga`: words as they are, other values in brackets. */
export function synopsis({ path, node }: LeafRow): string {
  return node.value === undefined ? path : `${path} ${node.value.map((type) => type.type === 'word' ? form(type) : `<${form(type)}>`).join('|')}`
}

/** All that is said of a leaf, in sentences. */
export function sentences({ node, limits, above }: LeafRow): string[] {
  const values = node.value ?? []
  return [
    node.help,
    ...(node.about === undefined ? [] : [trimmed(node.about)]),
    ...above.map(trimmed),
    ...(node.required ? ['Required'] : []),
    ...(node.multi ? ['May be given several times'] : []),
    ...(node.unit === undefined ? [] : [`In ${node.unit}`]),
    ...values.flatMap((type) => type.type === 'word' ? Object.entries(type.words).map(([word, help]) => `${word}: ${help.charAt(0).toLowerCase()}${help.slice(1)}`) : []),
    ...values.flatMap((type) => type.type === 'ipv6net' && type.lengths !== undefined ? [`Lengths: ${type.lengths.join(', ')}`] : []),
    ...(node.suggest === undefined ? [] : [`For example: ${node.suggest.join(', ')}`]),
    ...(node.default === undefined ? [] : [`Default: ${node.default}`]),
    ...(node.engineDefault === undefined ? [] : [`Where not given, Jool has ${node.engineDefault}`]),
    ...(limits.length === 0 ? [] : [capital([...new Set(limits)].join(', '))]),
    ...(node.jool === undefined ? [] : [`Jool's name: ${node.jool}`]),
  ].map((sentence) => `${sentence}.`)
}

/** A text without the full stop at its end. */
function trimmed(text: string): string {
  return text.replace(/\.$/, '')
}

export function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}
