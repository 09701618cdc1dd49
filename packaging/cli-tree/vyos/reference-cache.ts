import type { CliTree } from '../tree.ts'
import { definitions, type Definition } from './definition.ts'

/**
 * `vyos/xml_ref/pkg_cache/NAME_cache.py`, which VyOS 1.4 and later merge with those of other packages: from it they know which nodes are tags, have several
 * values or none, and their defaults.
 */
export function referenceCache(tree: CliTree): string {
  const root = python({ kind: 'node', name: '', help: '', valueHelp: [], completion: [], multi: false, valueless: false, children: definitions(tree) }, '')
  // The syntax versions of components stand beside the root's nodes: the scripts in config-migrate/migrate/NAME lead up to them.
  return `reference = ${root.replace(/\}$/, ' \'component_version\': {\'vyos-nat64\': \'1\'}}')}\n`
}

function python({ kind, owner, priority, defaultValue, multi, valueless, children }: Definition, indent: string): string {
  const type = { node: 'other', tagNode: 'tag', leafNode: 'leaf' }[kind]
  const data = [
    `'node_type': ${quoted(type)}`, `'multi': ${truth(multi)}`, `'valueless': ${truth(valueless)}`,
    `'owner': ${orNone(owner)}`, `'priority': ${orNone(priority?.toString())}`, `'default_value': ${orNone(defaultValue)}`,
  ].join(', ')
  const inner = children.map((child) => `\n${indent} ${quoted(child.name)}: ${python(child, `${indent} `)},`).join('')
  return `{'node_data': {${data}},${inner}}`
}

function truth(value: boolean): string {
  return value ? 'True' : 'False'
}

function orNone(value: string | undefined): string {
  return value === undefined ? 'None' : quoted(value)
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}
