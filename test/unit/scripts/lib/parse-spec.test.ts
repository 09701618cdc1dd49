import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { parseSpec } from '../../../../scripts/lib/parse-spec.ts'
import { stages } from '../../../../scripts/pipeline/stages.ts'
import { targetSchema } from '../../../../scripts/pipeline/target.ts'
import { rejection } from '../../../support/rejection.ts'

const schema = z.strictObject({
  name: z.string().regex(/^[a-z]+$/, 'small letters'),
  kernel: z.strictObject({ release: z.string(), flavour: z.enum(['amd64', 'cloud']).default('amd64') }),
  checks: z.array(z.strictObject({ id: z.string(), port: z.number().int().max(65535).optional() })).default([]),
  from: z.discriminatedUnion('provider', [z.strictObject({ provider: z.literal('url'), url: z.string() }), z.strictObject({ provider: z.literal('directory'), path: z.string() })]).optional(),
})
const problems = async (text: string): Promise<string[]> => {
  const error = await rejection(() => parseSpec(text, 'my.yaml', schema, 'E_TARGET'))
  expect(error.code).toBe('E_TARGET')
  return error.message.split('\n')
}

test('what is right is returned with its defaults', () => {
  expect(parseSpec('name: x\nkernel: {release: "6.1"}\n', 'my.yaml', schema, 'E_TARGET')).toEqual({ name: 'x', kernel: { release: '6.1', flavour: 'amd64' }, checks: [] })
})

describe('a mistake is named with file, line, column and path', () => {
  test.each([
    ['a wrong value', 'name: X1\nkernel:\n  release: "6"\n', 'my.yaml:1:1 name: small letters'],
    ['a wrong type', 'name: x\nkernel:\n  release: 6.1\n', 'my.yaml:3:3 kernel.release: Invalid input: expected string, received number'],
    ['a wrong choice', 'name: x\nkernel:\n  release: "6"\n  flavour: arm64\n', 'my.yaml:4:3 kernel.flavour: Invalid option: expected one of "amd64"|"cloud"'],
    ['a missing key', 'name: x\nkernel:\n  flavour: cloud\n', 'my.yaml:2:1 kernel.release: missing (string)'],
    ['an unknown key that looks like a known one', 'name: x\nkernel:\n  release: "6"\n  flavuor: cloud\n', 'my.yaml:4:3 kernel.flavuor: unknown key; did you mean "flavour"?'],
    ['an unknown key that looks like none', 'name: x\nkernel:\n  release: "6"\n  zzzzzzzz: 1\n', 'my.yaml:4:3 kernel.zzzzzzzz: unknown key; known here: release, flavour'],
    ['something in a list', 'name: x\nkernel: {release: "6"}\nchecks:\n  - id: a\n  - id: b\n    port: 70000\n', 'my.yaml:6:5 checks.1.port: Too big: expected number to be <=65535'],
    ['an unknown key in a list', 'name: x\nkernel: {release: "6"}\nchecks:\n  - {id: a, prot: 1}\n', 'my.yaml:4:13 checks.0.prot: unknown key; did you mean "port"?'],
    ['a key of another branch', 'name: x\nkernel: {release: "6"}\nfrom:\n  provider: url\n  url: u\n  path: p\n', 'my.yaml:6:3 from.path: unknown key; did you mean "path"?'],
    ['a missing key of a branch', 'name: x\nkernel: {release: "6"}\nfrom:\n  provider: directory\n', 'my.yaml:3:1 from.path: missing (string)'],
    ['a branch that does not exist', 'name: x\nkernel: {release: "6"}\nfrom:\n  provider: directroy\n', 'my.yaml:4:3 from.provider: "directroy" is not one of url, directory; did you mean "directory"?'],
    ['a branch that is not said', 'name: x\nkernel: {release: "6"}\nfrom:\n  path: directory\n', 'my.yaml:3:1 from.provider: missing (one of url, directory)'],
    ['a branch that is no word', 'name: x\nkernel: {release: "6"}\nfrom: {provider: [url]}\n', 'my.yaml:3:8 from.provider: ["url"] is not one of url, directory'],
    ['a file that is no mapping', 'just words\n', 'my.yaml:1:1 (file): Invalid input: expected object, received string'],
  ])('%s', async (_what, text, message) => {
    expect(await problems(text)).toEqual([message])
  })

  test('all of them at once', async () => {
    expect(await problems('nmae: x\nkernel:\n  flavour: arm\n')).toEqual([
      'my.yaml:1:1 name: missing (string)',
      'my.yaml:2:1 kernel.release: missing (string)',
      'my.yaml:3:3 kernel.flavour: Invalid option: expected one of "amd64"|"cloud"',
      'my.yaml:1:1 nmae: unknown key; did you mean "name"?',
    ])
  })

  test('an empty file misses what is required', async () => {
    expect(await problems('# nothing yet\n')).toEqual([expect.stringMatching(/^my\.yaml:1:1 name: missing \(string\)$/), expect.stringMatching(/ kernel: missing \(object\)$/)])
  })
})

describe('what is not YAML is refused with its place', () => {
  test.each([
    ['a tab', 'name: x\nkernel:\n\trelease: "6"\n', /^my\.yaml:3:1 not YAML: /],
    ['a bracket left open', 'name: [x\nkernel: {}\n', /^my\.yaml:\d:\d+ not YAML: /],
    ['a key given twice', 'name: x\nname: y\n', /^my\.yaml:2:1 not YAML: Map keys must be unique/],
    ['two documents', 'name: x\n---\nname: y\n', /^my\.yaml:2:1 not YAML: /],
    ['an alias without its anchor', 'name: *nobody\n', /^my\.yaml:1:7 not YAML: Unresolved alias/],
    ['aliases that grow without bound', `a: &a [x,x,x,x,x,x,x,x,x]\n${['b', 'c', 'd', 'e', 'f', 'g'].map((key, index) => `${key}: &${key} [${`*${'abcdef'[index] ?? ''},`.repeat(9)}]`).join('\n')}\n`, /^my\.yaml:1:1 not YAML: Excessive alias count/],
  ])('%s', async (_what, text, message) => {
    expect((await problems(text))[0]).toMatch(message)
  })
})

describe('a target', () => {
  const target = async (text: string): Promise<string> => (await rejection(() => parseSpec(text, 't.yaml', targetSchema(stages), 'E_TARGET'))).message

  test('cannot ask for a flavour and an exact kernel', async () => {
    expect(await target('target: x\nsuite: bookworm\nheaders:\n  provider: debian\n  flavour: amd64\n  release: 6.1.0-56-amd64\n')).toBe('t.yaml:6:3 headers.release: give a flavour or an exact release, not both')
  })

  test('names the known suites', async () => {
    expect(await target('target: x\nsuite: bookwurm\n')).toBe('t.yaml:2:1 suite: Invalid option: expected one of "bullseye"|"bookworm"|"trixie"|"forky"|"sid"')
  })

  test('corrects a stage\'s misspelt name', async () => {
    expect(await target('target: x\nsuite: bookworm\nmodles: {}\n')).toBe('t.yaml:3:1 modles: unknown key; did you mean "modules"?')
  })
})
