import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { parseSpec } from '../../scripts/lib/parse-spec.ts'
import { cliFile, type CliFile, type ValueType, type WrittenNode } from './schema.ts'

/** Where the tree is written, relative to the project. */
export const cliFolder = 'packaging/vyos-nat64/cli'

interface Common {
  help: string
  about?: string
  engines?: readonly ('jool' | 'tayga')[]
  modes?: readonly ('inline' | 'isolated' | 'iptables')[]
}
export interface PlainNode extends Common { kind: 'node'; priority?: number; children: ReadonlyMap<string, CliNode> }
export interface TagNode extends Common { kind: 'tag'; names: readonly ValueType[]; children: ReadonlyMap<string, CliNode> }
export interface LeafNode extends Common {
  kind: 'leaf'
  /** One of these; absent: a switch. */
  value?: readonly ValueType[]
  multi?: true
  required?: true
  default?: string
  engineDefault?: string
  unit?: string
  suggest?: readonly string[]
  jool?: string
}
export type CliNode = PlainNode | TagNode | LeafNode

/** Roots by name, in the order of the files; children in the order in which they are written, which is the order to show. */
export type CliTree = ReadonlyMap<string, CliNode>

/** @throws ForgeError E_CLI_TREE with line and column, all problems of a file at once */
export async function readCliTree(projectDir: string): Promise<CliTree> {
  const dir = join(projectDir, cliFolder)
  const names = (await readdir(dir)).filter((name) => name.endsWith('.yaml')).sort()
  return cliTree(await Promise.all(names.map(async (name) => ({ name: `${cliFolder}/${name}`, text: await readFile(join(dir, name), 'utf8') }))))
}

/** The tree that these files make together. @throws ForgeError E_CLI_TREE */
export function cliTree(files: readonly { name: string; text: string }[]): CliTree {
  const parse = (known: ReadonlySet<string>): CliFile[] => files.map(({ name, text }) => parseSpec(text, name, cliFile(known), 'E_CLI_TREE'))
  // Which parts there are is known once every file is read; what uses them is checked after that.
  const everything = { has: () => true } as unknown as ReadonlySet<string>
  const names = parse(everything).flatMap((file) => Object.keys(file.parts))
  const parsed = parse(new Set(names))
  for (const kind of ['roots', 'parts'] as const) {
    const all = parsed.flatMap((file) => Object.keys(file[kind]))
    const twice = all.find((name, index) => all.indexOf(name) !== index)
    if (twice !== undefined) throw new ForgeError('E_CLI_TREE', `${cliFolder}: ${twice} stands twice among the ${kind}`)
  }
  const parts = new Map(parsed.flatMap((file) => Object.entries(file.parts)))
  const used = new Set<string>()
  const roots = new Map(parsed.flatMap((file) => Object.entries(file.roots)).map(([name, node]) => [name, complete(node, parts, used, [])]))
  const unused = [...parts.keys()].filter((name) => !used.has(name))
  if (unused.length > 0) throw new ForgeError('E_CLI_TREE', `${cliFolder}: nothing uses the parts ${unused.join(', ')}`)
  return roots
}

function complete(node: WrittenNode, parts: ReadonlyMap<string, WrittenNode>, used: Set<string>, inside: readonly string[]): CliNode {
  if (node.use !== undefined) {
    if (inside.includes(node.use)) throw new ForgeError('E_CLI_TREE', `${cliFolder}: the part ${node.use} is inside itself`)
    const part = parts.get(node.use)
    if (!part) throw new ForgeError('E_BUG', `the part ${node.use} was known a moment ago`)
    used.add(node.use)
    return complete(part, parts, used, [...inside, node.use])
  }
  const { help = '', names, children, value, multi, unit, suggest, jool, engineDefault, priority, ...rest } = node
  const common: Common = defined({ help, about: rest.about, engines: rest.engines, modes: rest.modes })
  const below = (): ReadonlyMap<string, CliNode> => new Map(Object.entries(children ?? {}).map(([name, child]) => [name, complete(child, parts, used, inside)]))
  if (names !== undefined) return { kind: 'tag', ...common, names, children: below() }
  if (children !== undefined) return { kind: 'node', ...common, ...defined({ priority }), children: below() }
  return { kind: 'leaf', ...common, ...defined({ value, multi, required: rest.required, default: rest.default, engineDefault, unit, suggest, jool }) }
}

/** Without the keys that have no value. */
function defined<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> }
}
