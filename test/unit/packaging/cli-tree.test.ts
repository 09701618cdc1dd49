import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { bashCompletion } from '../../../packaging/cli-tree/bash-completion.ts'
import { configManPage, programManPage } from '../../../packaging/cli-tree/man-pages.ts'
import { reference } from '../../../packaging/cli-tree/reference.ts'
import { plain } from '../../../packaging/cli-tree/roff.ts'
import { sections } from '../../../packaging/cli-tree/text.ts'
import { cliTree, readCliTree } from '../../../packaging/cli-tree/tree.ts'
import { treeJson } from '../../../packaging/cli-tree/tree-json.ts'
import { ForgeError } from '../../../scripts/lib/errors.ts'

const projectDir = fileURLToPath(new URL('../../..', import.meta.url))
const golden = (name: string): string => `../../golden/cli-tree/${name}`
const tree = await readCliTree(projectDir)

/** What is said of a file that is wrong. */
function refusal(text: string): string[] {
  try {
    cliTree([{ name: 'tree.yaml', text }])
  } catch (error) {
    if (error instanceof ForgeError && error.code === 'E_CLI_TREE') return error.message.split('\n')
    throw error
  }
  return []
}

/** Every way through the tree, as `set` commands would go it; tags are written <>. */
function paths(nodes = tree, before = ''): string[] {
  return [...nodes].flatMap(([name, node]) => {
    const path = `${before}${name}`
    if (node.kind === 'leaf') return [path]
    return paths(node.children, `${path}${node.kind === 'tag' ? ' <> ' : ' '}`)
  })
}

describe('the shipped CLI tree', () => {
  it('gives nat64ctl this table', async () => {
    await expect(treeJson(tree)).toMatchFileSnapshot(golden('tree.json'))
  })

  it('is told in a reference, in manual pages and to bash', async () => {
    const example = await readFile(join(projectDir, 'packaging/nat64ctl/usr/share/doc/nat64ctl/examples/nat64.config'), 'utf8')
    const edition = { date: '2026-01-01', version: '0.1.0-1' }
    await expect(reference(tree, example)).toMatchFileSnapshot(golden('configuration.md'))
    await expect(configManPage(tree, example, edition)).toMatchFileSnapshot(golden('nat64.config.5'))
    await expect(programManPage(edition)).toMatchFileSnapshot(golden('nat64ctl.8'))
    await expect(bashCompletion()).toMatchFileSnapshot(golden('nat64ctl.bash'))
  })

  it('has every leaf once in the reference', () => {
    const shown = sections(tree).flatMap(({ path, leaves }) => leaves.map((leaf) => `${path.replace(/<[^>]*>/g, '<>')} ${leaf.path}`))
    expect(shown.toSorted()).toEqual(paths().toSorted())
  })

  it('has every path of the nat64 that VyOS ships', () => {
    const rule = 'nat64 source rule <>'
    const pool = `${rule} translation pool <>`
    const shipped = [
      `${rule} description`, `${rule} disable`, `${rule} match mark`, `${rule} source prefix`,
      ...['description', 'disable', 'port', 'protocol tcp', 'protocol udp', 'protocol icmp', 'address'].map((leaf) => `${pool} ${leaf}`),
    ]
    expect(paths()).toEqual(expect.arrayContaining(shipped))
  })

  it('takes the values that VyOS takes there', () => {
    const table = JSON.parse(treeJson(tree)) as { roots: Record<string, Table> }
    const at = (...path: string[]): unknown => path.reduce<Table>((node, name) => node.children![name]!, { children: table.roots }).value
    expect(at('nat64', 'source', 'rule')).toEqual([{ type: 'integer', min: 1, max: 999_999, help: 'Number for this rule' }])
    expect(at('nat64', 'source', 'rule', 'description')).toEqual([{ type: 'text', maxLength: 255, help: 'Description' }])
    expect(at('nat64', 'source', 'rule', 'disable')).toBeUndefined()
    expect(at('nat64', 'source', 'rule', 'match', 'mark')).toEqual([{ type: 'integer', min: 1, max: 2_147_483_647, help: 'Fwmark value to match against' }])
    expect(at('nat64', 'source', 'rule', 'translation', 'pool', 'port')).toEqual([{ type: 'port', help: 'Numeric IP port' }, { type: 'portrange', help: 'Numbered port range (e.g., 1001-1005)' }])
    expect(at('nat64', 'source', 'rule', 'translation', 'pool', 'address')).toEqual([{ type: 'ipv4', help: 'IPv4 address' }, { type: 'ipv4net', help: 'IPv4 prefix' }])
  })
})

interface Table { children?: Record<string, Table>; value?: unknown }

describe('a wrong CLI tree', () => {
  it('is refused with all problems, each with line and column', () => {
    expect(refusal('roots:\n  nat64:\n    help: A\n    children:\n      a: { help: B, vlaue: [] }\n      b: { help: C, value: [{ type: integer, min: 4, max: 3 }], default: x }\n')).toEqual([
      'tree.yaml:5:21 roots.nat64.children.a.vlaue: unknown key; did you mean "value"?',
      'tree.yaml:6:21 roots.nat64.children.b.value: no integer is from 4 to 3',
      'tree.yaml:6:65 roots.nat64.children.b.default: "x" is none of what "value" allows',
    ])
  })

  it.each([
    ['a part that is not there', 'roots: { a: { use: descripton } }\nparts: { description: { help: D } }', ['tree.yaml:1:15 roots.a.use: there is no part "descripton"; there are description']],
    ['keys beside a part', 'roots: { a: { use: d, help: H } }\nparts: { d: { help: D } }', ['tree.yaml:1:23 roots.a.help: has no meaning beside "use"']],
    ['a node without help', 'roots: { a: { children: {} } }', ['tree.yaml:1:10 roots.a.help: missing (string)']],
    ['help that is a sentence', 'roots: { a: { help: Ends here. } }', ['tree.yaml:1:15 roots.a.help: one line without a full stop at its end']],
    ['a tag node without children', 'roots: { a: { help: H, names: [{ type: ipv4 }] } }', ['tree.yaml:1:24 roots.a.names: a tag node has children']],
    ['a value of a plain node', 'roots: { a: { help: H, children: {}, value: [{ type: ipv4 }] } }', ['tree.yaml:1:38 roots.a.value: has no meaning beside "children"']],
    ['a default of a switch', 'roots: { a: { help: H, default: x } }', ['tree.yaml:1:24 roots.a.default: a leaf without "value" is a switch, and has none']],
    ['a default of a length that the value does not have', 'roots: { a: { help: H, default: "64:ff9b::/64", value: [{ type: ipv6net, lengths: [96] }] } }', ['tree.yaml:1:24 roots.a.default: "64:ff9b::/64" is none of what "value" allows']],
    ['a part that nothing uses', 'parts: { d: { help: D } }', ['packaging/vyos-nat64/cli: nothing uses the parts d']],
    ['a part inside itself', 'roots: { a: { use: d } }\nparts: { d: { help: D, children: { e: { use: d } } } }', ['packaging/vyos-nat64/cli: the part d is inside itself']],
    ['an unknown type', 'roots: { a: { help: H, value: [{ type: intger }] } }', ['tree.yaml:1:34 roots.a.value.0.type: "intger" is not one of integer, text, word, ipv6net, ipv4, ipv4net, ipv6, port, portrange, interface; did you mean "integer"?']],
  ])('%s', (_, text, problems) => {
    expect(refusal(text)).toEqual(problems)
  })

  it('the same root in two files', () => {
    expect(() => cliTree([{ name: 'a.yaml', text: 'roots: { a: { help: H } }' }, { name: 'b.yaml', text: 'roots: { a: { help: H } }' }])).toThrow('packaging/vyos-nat64/cli: a stands twice among the roots')
  })
})

describe('a text in roff', () => {
  it('is never a command, and keeps its backslashes and hyphens', () => {
    expect(plain('.TH is\n\'a macro\nC:\\a-b')).toBe('\\&.TH is\n\\&\'a macro\nC:\\ea\\-b')
  })
})
