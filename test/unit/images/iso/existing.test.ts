import { describe, expect, test } from 'vitest'
import { keyOf, plan } from '../../../../images/iso/plan.ts'
import { resolve } from '../../../../images/iso/resolve.ts'
import { isoLocked, isoSpec } from '../../../../images/iso/spec.ts'
import { iso } from '../../../../images/iso/stage.ts'
import type { DebsPlan } from '../../../../packaging/debs/artifact.ts'
import type { HeadersLocked, HeadersPlan } from '../../../../kernel/headers/artifact.ts'
import { parseSpec } from '../../../../scripts/lib/parse-spec.ts'
import { stages } from '../../../../scripts/pipeline/stages.ts'
import { targetSchema } from '../../../../scripts/pipeline/target.ts'
import { fakeDeps } from '../../../support/fake-archive.ts'
import { rejection } from '../../../support/rejection.ts'
import { debianSource, samplePackage } from '../../../support/sample-lock.ts'

const target = { name: 'branch', suite: 'bookworm', architecture: 'amd64', sourceDateEpoch: 1 } as const
const before = { headers: { provider: 'iso', release: '6.6.54-vyos' } as HeadersPlan, debs: { packages: [{ name: 'jool-modules-6.6.54-vyos' }, { name: 'jool-tools' }, { name: 'nat64ctl' }] } as DebsPlan }
const from = { path: '/isos/router.iso', name: 'router.iso', sha256: '1'.repeat(64) }
const planned = (spec: object = {}, locked: object = {}) => plan({ target, spec: isoSpec.parse({ kind: 'existing', from: 'router.iso', ...spec }), locked: { kind: 'existing', from, packages: [], ...locked } }, before)

describe('a target that names an ISO', () => {
  const asTarget = (iso: string): unknown => parseSpec(`target: t\nsuite: bookworm\niso:\n${iso}`, 't.yaml', targetSchema(stages), 'E_TARGET').iso

  test('says which, by path or by URL, and how the packages get in', () => {
    expect(asTarget('  kind: existing\n  from: ../isos/vyos.iso\n')).toEqual({ kind: 'existing', from: '../isos/vyos.iso', kernel: 'own', mode: 'graft', packages: [] })
    const url = `    url: https://downloads.example/vyos.iso\n    sizeBytes: 1\n    sha256: "${'1'.repeat(64)}"\n`
    expect(asTarget(`  kind: existing\n  from:\n${url}  mode: layer\n  packages: [mtr-tiny]\n  script: after.sh\n`)).toMatchObject({ from: { url: 'https://downloads.example/vyos.iso' }, mode: 'layer', packages: ['mtr-tiny'], script: 'after.sh' })
    // Without a kind it is an image that is made here, as ever.
    expect(asTarget('  hostname: r1\n')).toMatchObject({ kind: 'reference', hostname: 'r1', rootPassword: 'router' })
  })

  test.each([
    ['  kind: existing\n', 't.yaml:3:1 iso.from: '],
    ['  kind: existing\n  from: vyos.img\n', 't.yaml:5:3 iso.from: an .iso file'],
    ['  kind: existing\n  from: vyos.iso\n  hostname: r1\n', 't.yaml:6:3 iso.hostname: unknown key'],
    ['  kind: existing\n  from: vyos.iso\n  kernel: replace\n  mode: layer\n', 't.yaml:7:3 iso.mode: a layer cannot replace a kernel'],
    ['  kind: existing\n  from: { url: "ftp://a/vyos.iso", sizeBytes: 1, sha256: "" }\n', 't.yaml:5:11 iso.from.url: an http:, https: or file: URL of a .iso, with a name of letters, digits and +.,:@_~-'],
    ['  kind: existing\n  from: { url: "https://a/My%20Router.iso", sizeBytes: 1, sha256: "" }\n', 't.yaml:5:11 iso.from.url: an http:, https: or file: URL of a .iso, with a name of letters, digits and +.,:@_~-'],
    ['  from: vyos.iso\n', 't.yaml:4:3 iso.from: unknown key'],
    ['  kind: other\n', 't.yaml:4:3 iso.kind: '],
  ])('and %j is an error with its place', async (text, words) => {
    const error = await rejection(() => asTarget(text))
    expect([error.code, error.message]).toEqual(['E_TARGET', expect.stringContaining(words)])
  })
})

describe('the plan of an existing image', () => {
  test('has all packages that the stages before make, and the suite\'s', () => {
    const packages = [samplePackage('mtr-tiny', '1'), samplePackage('libjansson4', '2')]
    expect(planned({ packages: ['mtr-tiny'], mode: 'repack' }, { packages })).toEqual({
      kind: 'existing', target, release: '6.6.54-vyos', kernel: 'own', isoName: 'branch-router.iso', from, mode: 'repack', packages, further: ['mtr-tiny'],
      ownPackages: ['jool-modules-6.6.54-vyos', 'jool-tools', 'nat64ctl'],
    })
  })

  test('reads the headers stage only where the kernel comes from there', () => {
    expect([planned(), planned({ kernel: 'replace' })].map((one) => iso.alsoReads?.(one))).toEqual([[], ['headers']])
  })

  test('has a key of digests, wherever files lie', () => {
    const script = { path: '/a/after.sh', name: 'after.sh', sha256: '2'.repeat(64) }
    const key = (locked: object, spec: object = {}): string => JSON.stringify(keyOf(planned(spec, locked)))
    expect(key({ from: { ...from, path: '/b/other.iso', name: 'other.iso' } })).toBe(key({}))
    expect(key({ from: { fileName: 'x.iso', sizeBytes: 1, sha256: from.sha256, from: { url: 'https://x/x.iso' } } })).toBe(key({}))
    expect(key({ script: { ...script, path: '/b/x.sh', name: 'x.sh' } })).toBe(key({ script }))
    const all = [key({}), key({ from: { ...from, sha256: '3'.repeat(64) } }), key({ script }), key({ script: { ...script, sha256: '4'.repeat(64) } }), key({}, { mode: 'repack' }), key({}, { kernel: 'replace' }), key({ packages: [samplePackage('a', '1')] })]
    expect(new Set(all).size).toBe(all.length)
    expect(all.join('')).not.toMatch(/isos|\/a\/|after\.sh/)
  })

  test('is locked as it was resolved', () => {
    for (const locked of [{ kind: 'existing', from, packages: [] }, { packages: [] }]) expect(isoLocked.parse(locked)).toEqual(locked)
    expect(isoLocked.safeParse({ kind: 'existing', packages: [] }).success).toBe(false)
  })
})

test.each([['debian', {}], ['iso', {}], ['tree', {}], ['packages', {}]] as const)('a kernel that nobody has a package of (provider %s) takes no other\'s place', async (provider, more) => {
  const headers = { provider, release: '6.6.54-vyos', ...more } as HeadersLocked
  const error = await rejection(resolve({ target, spec: isoSpec.parse({ kind: 'existing', from: 'router.iso', kernel: 'replace' }), before: { source: debianSource, headers } }, fakeDeps({}).deps))
  expect([error.code, error.message]).toEqual(['E_TARGET', expect.stringContaining(`headers.provider: ${provider} brings none`)])
})
