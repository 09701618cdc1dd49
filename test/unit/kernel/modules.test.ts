import { afterEach, describe, expect, test } from 'vitest'
import { checkModule, type CheckInput } from '../../../kernel/modules/check.ts'
import { resolve } from '../../../kernel/modules/resolve.ts'
import { patchesFor } from '../../../kernel/compile/patches.ts'
import { supportOf, supportTable } from '../../../kernel/modules/support.ts'
import type { HeadersLocked } from '../../../kernel/headers/spec.ts'
import type { SourceLocked } from '../../../kernel/source/spec.ts'
import { joolVersion } from '../../../scripts/domain/jool-version.ts'
import { kernelRelease } from '../../../scripts/domain/kernel-release.ts'
import { parseKernelModule, type KernelModule } from '../../../scripts/formats/kernel-module.ts'
import { parseSymvers } from '../../../scripts/formats/symvers.ts'
import { elfObject, type ObjectParts } from '../../support/elf-object.ts'
import { fakeDeps } from '../../support/fake-archive.ts'
import { rejection } from '../../support/rejection.ts'
import { debianSource, sampleLock, samplePackage } from '../../support/sample-lock.ts'

describe('a module', () => {
  const info = { name: 'jool', vermagic: '6.1.0-56-amd64 SMP mod_unload modversions ', version: '4.1.13.0', license: 'GPL v2', depends: 'nf_defrag_ipv4,jool-common' }
  const versions = { kfree: 0x11, nf_defrag: 0x22, jool_thing: 0x33 }
  const exports = parseSymvers('0x11\tkfree\tvmlinux\tEXPORT_SYMBOL\n0x22\tnf_defrag\tnet/ipv4/netfilter/nf_defrag_ipv4\tEXPORT_SYMBOL_GPL\n0x33\tjool_thing\tcommon/jool_common\tEXPORT_SYMBOL_GPL\n0x44\town\tnat64/jool\tEXPORT_SYMBOL\n')
  const module = (fields: Partial<typeof info> = {}, parts: ObjectParts = {}): KernelModule => parseKernelModule(elfObject({
    info: Object.entries({ ...info, ...fields }).map(([key, value]) => `${key}=${value}`), versions, symbols: Object.keys(versions).map((name) => ({ name })), ...parts,
  }), 'jool.ko')
  const check = (given: KernelModule, input: Partial<CheckInput> = {}) => checkModule({ name: 'jool', module: given, vermagic: info.vermagic, joolVersion: joolVersion('4.1.13'), modversions: true, exports, ...input })

  test('that fits is accepted, with what it depends on and how many CRCs were compared', () => {
    expect(check(module())).toEqual({ depends: ['jool_common', 'nf_defrag_ipv4'], crcsChecked: 3, imageCrcsChecked: 0 })
  })

  describe('for a router whose image is known', () => {
    const image = (crcs: Record<string, number>): CheckInput['image'] => ({ name: 'router.iso', crcs: new Map(Object.entries(crcs).map(([symbol, crc]) => [symbol, [crc, 'lib/modules/x/nf_nat.ko'] as const])) })

    test('is compared with what the image has, too', () => {
      expect(check(module(), { image: image({ kfree: 0x11, nf_defrag: 0x22, unrelated: 0x99 }) })).toMatchObject({ crcsChecked: 3, imageCrcsChecked: 2 })
    })

    test('is refused for one difference: symbol, both CRCs and both sources are named', async () => {
      expect(await rejection(() => check(module(), { image: image({ kfree: 0x11, nf_defrag: 0x23 }) }))).toMatchObject({
        code: 'E_SYMBOL_CRC', message: 'jool.ko was built for nf_defrag with CRC 0x00000022, as Module.symvers has it (net/ipv4/netfilter/nf_defrag_ipv4); lib/modules/x/nf_nat.ko in router.iso has 0x00000023',
      })
    })

    test('is compared in the layout of modules as well, which nothing imports by name', async () => {
      const parts: ObjectParts = { versions: { ...versions, module_layout: 0x77 } }
      expect(check(module({}, parts), { image: image({ module_layout: 0x77 }) })).toMatchObject({ imageCrcsChecked: 1 })
      expect(await rejection(() => check(module({}, parts), { image: image({ module_layout: 0x78 }) }))).toMatchObject({ code: 'E_SYMBOL_CRC', message: expect.stringContaining('module_layout with CRC 0x00000077') })
    })
  })

  test.each(['GPL', 'GPL v2', 'GPL and additional rights', 'Dual BSD/GPL', 'Dual MIT/GPL'])('may have the licence %s', (license) => {
    expect(check(module({ license })).crcsChecked).toBe(3)
  })

  test('need not carry CRCs for a kernel that does not compare them', () => {
    expect(check(module({}, { versions: {} }), { modversions: false })).toMatchObject({ crcsChecked: 0 })
  })

  test('may lack a weak symbol', () => {
    expect(check(module({}, { symbols: [...Object.keys(versions).map((name) => ({ name })), { name: 'absent', weak: true }] })).crcsChecked).toBe(3)
  })

  test.each<[string, KernelModule, Partial<CheckInput>, string, string]>([
    ['of another name', module({ name: 'jool_siit' }), {}, 'E_MODULE', 'the name inside jool.ko is "jool_siit", expected "jool"'],
    ['for another kernel', module({ vermagic: '6.1.0-57-amd64 SMP mod_unload modversions ' }), {}, 'E_VERMAGIC', `the vermagic of jool.ko is "6.1.0-57-amd64 SMP mod_unload modversions ", expected "${info.vermagic}"`],
    ['for a kernel with other options', module({ vermagic: '6.1.0-56-amd64 SMP preempt mod_unload modversions ' }), {}, 'E_VERMAGIC', `the vermagic of jool.ko is "6.1.0-56-amd64 SMP preempt mod_unload modversions ", expected "${info.vermagic}"`],
    ['of another version of Jool', module({ version: '4.1.12.0' }), {}, 'E_MODULE', 'the version of jool.ko is "4.1.12", expected "4.1.13"'],
    ['with a licence that gets no GPL-only symbols', module({ license: 'Proprietary' }), {}, 'E_MODULE', 'jool.ko has the licence "Proprietary"; the kernel gives GPL-only symbols to GPL modules only'],
    ['with a licence that only starts like one', module({ license: 'GPL-incompatible' }), {}, 'E_MODULE', 'jool.ko has the licence "GPL-incompatible"; the kernel gives GPL-only symbols to GPL modules only'],
    ['without a licence', parseKernelModule(elfObject({ info: ['name=jool', `vermagic=${info.vermagic}`, 'version=4.1.13.0'] }), 'jool.ko'), {}, 'E_MODULE', 'jool.ko has the licence ""; the kernel gives GPL-only symbols to GPL modules only'],
    ['that needs a symbol nobody exports', module({}, { symbols: [{ name: 'kfree' }, { name: 'absent' }] }), {}, 'E_SYMBOL_MISSING', 'jool.ko needs a symbol that this kernel does not export: absent'],
    ['that needs symbols nobody exports', module({}, { symbols: [{ name: 'b' }, { name: 'a' }] }), {}, 'E_SYMBOL_MISSING', 'jool.ko needs 2 symbols that this kernel does not export: a, b'],
    ['with another CRC', module({}, { versions: { ...versions, nf_defrag: 0xdeadbeef } }), {}, 'E_SYMBOL_CRC', 'jool.ko was built for nf_defrag with CRC 0xdeadbeef, Module.symvers (net/ipv4/netfilter/nf_defrag_ipv4) has 0x00000022'],
    ['without a CRC', module({}, { versions: { kfree: 0x11 } }), {}, 'E_SYMBOL_CRC', 'jool.ko carries no CRC for jool_thing, and this kernel asks for one'],
    ['that does not say what it depends on', module({ depends: '' }), {}, 'E_MODULE', 'the list of modules that jool.ko depends on is "", expected "jool_common,nf_defrag_ipv4"'],
    ['that says it depends on more than it needs', module({ depends: 'jool_common,nf_defrag_ipv4,x' }), {}, 'E_MODULE', 'the list of modules that jool.ko depends on is "jool_common,nf_defrag_ipv4,x", expected "jool_common,nf_defrag_ipv4"'],
  ])('%s is refused', async (_what, given, input, code, message) => {
    expect(await rejection(() => check(given, input))).toMatchObject({ code, message })
  })
})

describe('the support table', () => {
  const added = { jool: '9.9.9', claimed: '5.15 - 6.11', verified: ['6.1', '6.12'] }
  afterEach(() => {
    const at = supportTable.indexOf(added)
    if (at >= 0) (supportTable as (typeof added)[]).splice(at, 1)
  })
  const support = (jool: string, release: string) => supportOf(joolVersion(jool), kernelRelease(release))

  test('knows what upstream claims, including both ends', () => {
    for (const [jool, release] of [['4.1.9', '6.1.0-56-amd64'], ['4.1.9', '4.9.0'], ['4.1.14', '5.15.0-1-amd64'], ['4.1.15', '6.18.3'], ['4.1.12', '5.4.300-vyos']] as const) expect(support(jool, release)).toEqual({ kind: 'claimed' })
  })

  test('keeps apart what a test here verified', () => {
    expect(support('4.1.13', '6.1.0-56-amd64')).toEqual({ kind: 'verified' })
    expect(support('4.1.9', '6.12.117-vyos')).toEqual({ kind: 'verified-beyond-claim', note: 'Jool 4.1.9 claims Linux 4.9 to 6.1; on 6.12 it was tested here, with nat64-forge\'s patches, and works' })
  })

  test('lets a pair beyond the claim pass with a note when it was verified', () => {
    (supportTable as (typeof added)[]).push(added)
    expect(support('9.9.9', '6.12.48+deb13-amd64')).toEqual({ kind: 'verified-beyond-claim', note: 'Jool 9.9.9 claims Linux 5.15 to 6.11; on 6.12 it was tested here and works' })
    expect(support('9.9.9', '6.1.0-56-amd64')).toEqual({ kind: 'verified' })
    expect(support('9.9.9', '6.6.54-vyos')).toEqual({ kind: 'claimed' })
  })

  test.each([
    ['6.6.54-vyos', 'nobody has tried 6.6'],
    ['6.2.0', 'nobody has tried 6.2'],
  ])('lets a pair pass that our patches are for, %s, and says what is known of it', (release, known) => {
    expect(support('4.1.9', release)).toEqual({ kind: 'patched', note: `Jool 4.1.9 claims Linux 4.9 to 6.1; nat64-forge patches it for 6.2 to 6.12: ${known}` })
  })

  test('has a series of patches for all kernels that it calls patched, and for none that is claimed', async () => {
    for (const { jool, claimed, patched } of supportTable) {
      const shipped = async (series: string) => (await patchesFor({ version: joolVersion(jool), released: true }, kernelRelease(`${series}.0`))).some(({ name }) => name.startsWith(`${jool}/`))
      expect(await Promise.all((patched ?? '').split(' - ').filter((series) => series !== '').map(shipped)), jool).not.toContain(false)
      expect(await Promise.all(claimed.split(' - ').map(shipped)), jool).not.toContain(true)
    }
  })

  test.each([
    ['4.1.9', '6.13.1-amd64', 'Jool 4.1.9 supports Linux 4.9 to 6.1, the target\'s kernel is 6.13.1-amd64', /^use Jool 4\.1\.15 \(4\.1\.14, 4\.1\.15 would do\)$/],
    ['4.1.13', '5.4.300-vyos', 'Jool 4.1.13 supports Linux 5.15 to 6.11, the target\'s kernel is 5.4.300-vyos', /^use Jool 4\.1\.12 \(4\.1\.5, 4\.1\.6, 4\.1\.7, 4\.1\.8, 4\.1\.9, 4\.1\.10, 4\.1\.11, 4\.1\.12 would do\)$/],
  ])('refuses Jool %s on %s, and names the version that would do', async (jool, release, message, hint) => {
    expect(await rejection(() => support(jool, release))).toMatchObject({ code: 'E_UNSUPPORTED', exitStatus: 65, message, hint: expect.stringMatching(hint) })
  })

  test.each(['6.19.0-1-amd64', '7.3.4+deb13-amd64'])('refuses %s, which is newer than any Jool knows', async (release) => {
    expect(await rejection(() => support('4.1.15', release))).toMatchObject({
      code: 'E_KERNEL_TOO_NEW', exitStatus: 65, message: `the target's kernel ${release} is newer than any that Jool supports: 4.1.15 goes up to Linux 6.18`, hint: expect.stringContaining('kernel/modules/support.ts'),
    })
  })

  test('says how to add a version that it does not know', async () => {
    expect(await rejection(() => support('4.2.0', '6.1.0'))).toMatchObject({ code: 'E_UNSUPPORTED', message: 'Jool 4.2.0 is not in the support table', hint: expect.stringContaining('kernel/modules/support.ts') })
  })

  test('has one row a version, in order', () => {
    const versions = supportTable.map((row) => row.jool)
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })))
  })
})

describe('resolving the build root', () => {
  const target = { name: 't', suite: 'bookworm', architecture: 'amd64' } as const
  const headers = sampleLock().stages.headers as HeadersLocked
  const compile = ['?essential', 'apt', 'make', 'libc6-dev', 'kmod', 'binutils', 'patch', 'xz-utils', 'gcc-12']

  test('asks for a compiler; for autotools too where the tools are compiled', async () => {
    const packages = [samplePackage('gcc-12', '12.2.0-14')]
    const debian = fakeDeps({ packages })
    expect(await resolve({ target, spec: {}, before: { source: debianSource, headers } }, debian.deps)).toEqual({ buildRoot: packages, patches: await patchesFor({ version: joolVersion('4.1.13'), released: true }, kernelRelease(headers.release)) })
    expect([debian.opened, debian.asked]).toEqual([[['bookworm', 'amd64']], [['closure', ...compile]]])
    const checkout = fakeDeps({ packages })
    await resolve({ target, spec: {}, before: { source: { provider: 'directory', joolVersion: '4.1.13', path: '/x', treeSha256: 'a' }, headers } }, checkout.deps)
    expect(checkout.asked).toEqual([['closure', ...compile, 'gcc', 'autoconf', 'automake', 'libtool', 'pkg-config', 'dpkg-dev', 'libnl-genl-3-dev', 'libxtables-dev']])
  })

  test('refuses an unsupported pair before it asks the archive for anything', async () => {
    const { deps, opened } = fakeDeps({})
    const source = { provider: 'directory', joolVersion: '4.1.15', path: '/x', treeSha256: 'a' } as SourceLocked
    expect(await rejection(resolve({ target, spec: {}, before: { source, headers: { ...headers, release: '5.4.300-vyos' } } }, deps))).toMatchObject({ code: 'E_UNSUPPORTED' })
    expect(opened).toEqual([])
  })
})
