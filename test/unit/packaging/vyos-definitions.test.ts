import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { cliTree, readCliTree } from '../../../packaging/cli-tree/tree.ts'
import { definitions, type Definition } from '../../../packaging/cli-tree/vyos/definition.ts'
import { interfaceDefinitions } from '../../../packaging/cli-tree/vyos/interface-definition.ts'
import { opModeDefinition } from '../../../packaging/cli-tree/vyos/op-definition.ts'
import { opReference } from '../../../packaging/cli-tree/vyos/op-reference.ts'
import { operationalTemplates } from '../../../packaging/cli-tree/vyos/op-templates.ts'
import { opTree, readOpTree } from '../../../packaging/cli-tree/vyos/op-tree.ts'
import { referenceCache } from '../../../packaging/cli-tree/vyos/reference-cache.ts'
import { configurationTemplates, filled } from '../../../packaging/cli-tree/vyos/templates.ts'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import { shippedNat64, type Shipped } from '../../support/shipped-nat64.ts'

const projectDir = fileURLToPath(new URL('../../..', import.meta.url))
const golden = (name: string): string => `../../golden/vyos-nat64/${name}`
const tree = await readCliTree(projectDir)
const commands = await readOpTree(projectDir)

/** Many files as one text that a person can read. */
function together(files: ReadonlyMap<string, string>): string {
  return [...files].map(([path, text]) => `==> ${path} <==\n${text}`).join('\n')
}

/** A tree of one leaf `nat64 x`. */
function withLeaf(leaf: string): ReadonlyMap<string, string> {
  return configurationTemplates(cliTree([{ name: 'tree.yaml', text: `roots: { nat64: { help: H, children: { x: ${leaf} } } }` }]))
}

function byPath(nodes: readonly Definition[], before = ''): Map<string, Definition> {
  return new Map(nodes.flatMap((node) => {
    const path = `${before}${node.name}`
    return [[path, node] as const, ...byPath(node.children, `${path} `)]
  }))
}

describe('what VyOS is told of the shipped tree', () => {
  it('are interface definitions as its source has them', async () => {
    const files = interfaceDefinitions(tree)
    expect([...files.keys()]).toEqual(['nat64.xml', 'nat46.xml'])
    for (const [name, text] of files) await expect(text).toMatchFileSnapshot(golden(`interface-definitions/${name}`))
  })

  it('are templates as its builder makes them', async () => {
    await expect(together(configurationTemplates(tree))).toMatchFileSnapshot(golden('configuration-templates.txt'))
  })

  it('is a part of its reference cache', async () => {
    await expect(referenceCache(tree)).toMatchFileSnapshot(golden('vyos_nat64_cache.py'))
  })

  it('are operational commands, in definitions, templates and a reference', async () => {
    await expect(opModeDefinition(commands)).toMatchFileSnapshot(golden('op-mode-definitions.xml'))
    await expect(together(operationalTemplates(commands))).toMatchFileSnapshot(golden('operational-templates.txt'))
    await expect(opReference(commands)).toMatchFileSnapshot(golden('operational.md'))
  })

  it('has no template of a word that VyOS has itself, and none without a word of help', () => {
    const paths = [...operationalTemplates(commands).keys()]
    for (const parent of ['show', 'show/log', 'monitor', 'reset', 'restart', 'generate', 'generate/nat64']) expect(paths).not.toContain(`${parent}/node.def`)
    const texts = [...configurationTemplates(tree).values(), ...operationalTemplates(commands).values()]
    for (const text of texts) expect(text).toMatch(/^help: \S/m)
  })
})

describe('the nat64 that VyOS ships', () => {
  const ours = byPath(definitions(tree))

  it.each([...shippedNat64])('%s takes at least what it takes there', (path, shipped) => {
    const node = ours.get(path)
    expect(node).toMatchObject({ kind: shipped.kind, valueless: shipped.kind === 'leafNode' && shipped.accepts === undefined, multi: false })
    expect(alternatives(node?.constraint)).toEqual(expect.arrayContaining(alternatives(shipped.accepts)))
  })

  it('belongs to the script of the same name, at the same priority', () => {
    expect(ours.get('nat64')).toMatchObject({ owner: '${vyos_conf_scripts_dir}/nat64.py', priority: 501 })
  })
})

/** A value is good where any of them takes it, so more of them take more. */
function alternatives(constraint: Shipped['accepts']): string[] {
  return [...(constraint?.regexes ?? []).map((regex) => `matches ${regex}`), ...(constraint?.validators ?? []).map(({ name, argument = '' }) => `${name} ${argument}`.trim())]
}

describe('a template', () => {
  it('of a switch has its help and no type', () => {
    expect(withLeaf('{ help: A switch }').get('nat64/x/node.def')).toBe('help: A switch\n')
  })

  it('marks the default among the values, and in the help', () => {
    expect(withLeaf('{ help: Choice, default: b, value: [{ type: word, words: { a: First, b: Second } }] }').get('nat64/x/node.def')).toBe([
      'type: txt', 'help: Choice (default: b)', 'val_help: a; First', 'val_help: b; Second (default)', 'allowed: echo "a b"',
      'syntax:expression: exec "${vyos_libexec_dir}/validate-value --regex \\\'(a|b)\\\'   --value \\\'$VAR(@)\\\'"; "Valid is a or b"', '',
    ].join('\n'))
  })

  it('of several values runs a validator for each', () => {
    expect(withLeaf('{ help: Numbers, multi: true, value: [{ type: integer, min: 0, max: 9 }, { type: ipv4, help: An address }] }').get('nat64/x/node.def')).toBe([
      'multi:', 'type: txt', 'help: Numbers', 'val_help: u32:0-9; Numbers', 'val_help: ipv4; An address',
      'syntax:expression: exec "${vyos_libexec_dir}/validate-value  --exec \\"${vyos_validators_dir}/numeric --range 0-9\\" --exec \\"${vyos_validators_dir}/ipv4-address \\"  --value \\\'$VAR(@)\\\'"; "Valid is a number from 0 to 9 or an IPv4 address, such as 192.0.2.1"', '',
    ].join('\n'))
  })

  it('completes words and interfaces', () => {
    expect(withLeaf('{ help: Where, value: [{ type: interface }], suggest: [eth0] }').get('nat64/x/node.def')).toContain('\nallowed: echo "eth0" && echo " " && sh -c "${vyos_completion_dir}/list_interfaces"\n')
  })

  it('breaks help after 64 characters, and between the parts of a word with hyphens', () => {
    expect(filled('one two')).toBe('one two')
    expect(filled(`${'a'.repeat(60)} bcd efgh`)).toBe(`${'a'.repeat(60)} bcd\n\t\t\tefgh`)
    expect(filled(`${'a'.repeat(50)} customer-side-translator`)).toBe(`${'a'.repeat(50)} customer-\n\t\t\tside-translator`)
    expect(filled(`first ${'b'.repeat(58)} ${'c'.repeat(61)} d`)).toBe(`first ${'b'.repeat(58)}\n\t\t\t${'c'.repeat(61)}\n\t\t\td`)
  })
})

describe('operational commands', () => {
  const refusal = (text: string): string => {
    try {
      opTree(text, 'op.yaml')
    } catch (error) {
      if (error instanceof ForgeError && error.code === 'E_CLI_TREE') return error.message
      throw error
    }
    return ''
  }

  it('pass the value that follows a word to the function of the word before, by its place', () => {
    const words = opTree('words: { show: { shared: true, words: { t: { help: T, call: show_t, with: { family: nat64 }, words: { address: { help: A, option: address, words: { rule: { help: R, option: rule } } } } } } } }', 'op.yaml')
    expect(operationalTemplates(words).get('show/t/address/node.tag/rule/node.tag/node.def')).toBe('help: R\nrun: sudo ${vyos_op_scripts_dir}/nat64_nat46.py show_t --family nat64 --address "$4" --rule "$6"\n')
  })

  it.each([
    ['words: { show: { shared: true, help: H } }', 'op.yaml:1:32 words.show.help: has no meaning beside "shared"'],
    ['words: { a: { help: A, call: monitor_x } }', 'op.yaml:1:24 words.a.call: a function that vyos.opmode runs: show_…, reset_…, restart_… or generate_…'],
    ['words: { a: { help: A } }', 'op.yaml:1:10 words.a.call: the last word of a command does something: "call", "run" or "option"'],
    ['words: { a: { help: A, run: b, names: [nat64] } }', 'op.yaml:1:32 words.a.names: has no meaning without "option"'],
    ['words: { a: { help: A, run: b, call: show_b } }', 'op.yaml:1:24 words.a.run: has no meaning beside "call"'],
    ['words: { a: { help: A, words: { b: { help: B, option: c } } } }', 'op.yaml: a b: "option" belongs to a function, and none is called here'],
  ])('%s is refused', (text, message) => {
    expect(refusal(text)).toBe(message)
  })
})
