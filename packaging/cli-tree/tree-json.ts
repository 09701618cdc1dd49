import type { ValueType } from './schema.ts'
import type { CliNode, CliTree } from './tree.ts'

/**
 * nat64ctl's validation table, `tree.json` beside its Python files: `{"version": 1, "roots": {"nat64": NODE, …}}`. A NODE has
 * `kind` (node, tag or leaf) and `help`; `children` by name, in the order to show; `value`, which lists what a leaf's value or a
 * tag's name may be (a leaf without is a switch); and where they are so: `multi`, `default`, `unit`, `required`, `engines`, `modes`.
 */
export function treeJson(tree: CliTree): string {
  return `${JSON.stringify({ version: 1, roots: entries(tree) }, null, 1)}\n`
}

function entries(nodes: ReadonlyMap<string, CliNode>): Record<string, object> {
  return Object.fromEntries([...nodes].map(([name, node]) => [name, jsonNode(node)]))
}

function jsonNode(node: CliNode): object {
  const { kind, help, engines, modes } = node
  // JSON leaves out what is undefined.
  const common = { kind, help, engines, modes }
  switch (node.kind) {
    case 'node': return { ...common, children: entries(node.children) }
    case 'tag': return { ...common, value: node.names.map(jsonType), children: entries(node.children) }
    case 'leaf': return { ...common, value: node.value?.map(jsonType), multi: node.multi, required: node.required, default: node.default, unit: node.unit }
    default: return node satisfies never
  }
}

function jsonType(type: ValueType): object {
  return type.type === 'word' ? { type: 'word', words: Object.entries(type.words).map(([word, help]) => ({ word, help })) } : type
}
