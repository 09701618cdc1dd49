import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inputsChanged, lockFragment, lockPatches, parseSeries, readLocked } from '../../../kernel/headers/providers/source/inputs.ts'
import { expectInForce, fragmentText, lastWords, requestedOptions } from '../../../kernel/headers/providers/source/options.ts'
import { keyOfSource, planSource } from '../../../kernel/headers/providers/source/plan.ts'
import { resolveSource } from '../../../kernel/headers/providers/source/resolve.ts'
import { sourceSpec, type SourceKernelLocked } from '../../../kernel/headers/providers/source/spec.ts'
import { dateText } from '../../../kernel/headers/providers/source/workshop.ts'
import { sha256Of } from '../../../scripts/lib/digest.ts'
import { parseSpec } from '../../../scripts/lib/parse-spec.ts'
import { fakeDeps } from '../../support/fake-archive.ts'
import { rejection } from '../../support/rejection.ts'
import { epoch, sampleFile, samplePackage } from '../../support/sample-lock.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

describe('what a person writes for a kernel of their own', () => {
  const parsed = (text: string): unknown => parseSpec(`provider: source\n${text}`, 'headers.yaml', sourceSpec, 'E_TARGET')

  test('may be nothing: Debian\'s sources, the router\'s configuration, a key for this build alone', () => {
    expect(parsed('')).toEqual({ provider: 'source', kernel: { from: 'debian', package: 'linux-source-6.12' }, patches: [], config: { base: 'allnoconfig' }, revision: 1, signing: { key: 'ephemeral' } })
  })

  test.each([
    ['signing: { key: my.pem }', 'signing.certificate: missing: the certificate of the key'],
    ['signing: { key: ephemeral, certificate: c.pem }', 'signing.certificate: has no meaning with key: ephemeral'],
    ['signing: { key: my.pem, certificate: c.pem, pin: pin.txt }', 'signing.pin: is for pkcs11: keys'],
    ['signing: { key: "pkcs11:object=k?pin-value=1234", certificate: c.pem }', 'signing.key: the PIN belongs into a file that `pin` names: the lock is published'],
    ['signing: { key: "pkcs11:token=t;object=k;pin-value=1234", certificate: c.pem }', 'signing.key: the PIN belongs into a file that `pin` names: the lock is published'],
    ['signing: { key: "pkcs11:object=k?module-name=x&PIN-SOURCE=file:p", certificate: c.pem }', 'signing.key: the PIN belongs into a file that `pin` names: the lock is published'],
    ['signing: { key: "pkcs11:object=k", certificate: c.pem, library: softhsm.so }', 'signing.library: the absolute path of a PKCS#11 library'],
    ['kernel: { from: debian, package: linux-image-6.12 }', 'kernel.package: a package like linux-source-6.12'],
    ['kernel: { from: url, url: "https://k.example/linux.zip", version: 6.12.1, sizeBytes: 1, sha256: "" }', 'kernel.url: an http:, https: or file: URL of a tar archive'],
    ['kernel: { from: url, url: "https://k.example/linux.tar.xz", version: "6.12", sizeBytes: 1, sha256: "" }', 'kernel.version: three numbers, for example 6.12.48; the first of a series is 6.12.0'],
    ['revision: 0', 'revision: Too small: expected number to be >=1'],
    ['patch: [a.patch]', 'patch: unknown key; did you mean "patches"?'],
  ])('%s is refused', async (text, message) => {
    const error = await rejection(() => parsed(text))
    expect([error.code, error.message.replace(/^headers.yaml:\d+:\d+ /gm, '').split('\n')[0]]).toEqual(['E_TARGET', message])
  })
})

describe('a configuration fragment', () => {
  test('asks for options, with their line', () => {
    expect(requestedOptions('# a comment\nCONFIG_SMP=y\n\n# CONFIG_TRIM is not set\nCONFIG_LOCALVERSION="-vyos"\nCONFIG_NR_CPUS=64\nCONFIG_ADDRESS=0x1000\nCONFIG_E1000=m\n', 'f')).toEqual([
      { name: 'SMP', value: 'y', from: 'f:2' }, { name: 'TRIM', value: 'n', from: 'f:4' }, { name: 'LOCALVERSION', value: '"-vyos"', from: 'f:5' },
      { name: 'NR_CPUS', value: '64', from: 'f:6' }, { name: 'ADDRESS', value: '0x1000', from: 'f:7' }, { name: 'E1000', value: 'm', from: 'f:8' },
    ])
  })

  test.each(['CONFIG_SMP = y', 'SMP=y', 'CONFIG_SMP=yes', 'CONFIG_NAME="a', 'CONFIG_SMP=y # why'])('with the line "%s" is refused', async (line) => {
    expect(await rejection(() => requestedOptions(`CONFIG_A=y\n${line}\n`, 'mine.config'))).toMatchObject({ code: 'E_KCONFIG', message: `mine.config:2: "${line}" is not a configuration option` })
  })

  test('of later fragments the last word counts', () => {
    const options = [...requestedOptions('CONFIG_A=y\nCONFIG_B=m\n', 'one'), ...requestedOptions('CONFIG_A=n\n', 'two')]
    expect(lastWords(options)).toEqual([{ name: 'A', value: 'n', from: 'two:1' }, { name: 'B', value: 'm', from: 'one:2' }])
    expect(fragmentText(lastWords(options))).toBe('# CONFIG_A is not set\nCONFIG_B=m\n')
  })

  test('is in force when kconfig took every option, in that form', () => {
    const asked = requestedOptions('CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D="x"\n', 'f')
    expect(() => { expectInForce(asked, 'CONFIG_A=y\nCONFIG_B=m\nCONFIG_D="x"\nCONFIG_OTHER=y\n') }).not.toThrow()
    expect(() => { expectInForce(asked, 'CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D="x"\n') }).not.toThrow()
  })

  test('that kconfig did not take is an error that lists every option with both values and its line', async () => {
    const asked = requestedOptions('CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D="x"\n', 'f')
    expect(await rejection(() => { expectInForce(asked, 'CONFIG_B=y\nCONFIG_C=y\nCONFIG_D="x"\n') })).toMatchObject({
      code: 'E_KCONFIG', exitStatus: 65, message: '3 options of the kernel\'s configuration did not take: A, B, C',
      details: [
        'f:1: CONFIG_A=y was asked for, CONFIG_A=n is in force', 'f:2: CONFIG_B=m was asked for, CONFIG_B=y is in force', 'f:3: CONFIG_C=n was asked for, CONFIG_C=y is in force',
      ].join('\n'),
    })
  })
})

describe('a series of patches', () => {
  test('is read as quilt does', () => {
    expect(parseSeries('# first\none.patch\n\nsub/two.diff -p0 # why\n', 'series')).toEqual([{ name: 'one.patch', strip: 1 }, { name: 'sub/two.diff', strip: 0 }])
  })

  test.each(['one.patch -R', 'one.patch -p1 -R', 'one.patch -p'])('with the line "%s" is refused', async (line) => {
    expect(await rejection(() => parseSeries(`${line}\n`, 'p/series'))).toMatchObject({ code: 'E_TARGET', message: `p/series:1: "${line}" is not a patch's name with an optional -pN` })
  })

  test('is locked in its order, with digests; a missing patch is named', async () => {
    const dir = await temporaryFolder()
    await mkdir(join(dir, 'patches'))
    await writeFile(join(dir, 'patches/series'), 'b.patch -p0\na.patch\n')
    for (const name of ['a', 'b', 'c']) await writeFile(join(dir, `patches/${name}.patch`), name)
    expect(await lockPatches(['patches/series', 'patches/c.patch'], dir)).toEqual([
      { path: join(dir, 'patches/b.patch'), sha256: sha256Of('b'), strip: 0 }, { path: join(dir, 'patches/a.patch'), sha256: sha256Of('a'), strip: 1 }, { path: join(dir, 'patches/c.patch'), sha256: sha256Of('c'), strip: 1 },
    ])
    expect(await rejection(lockPatches(['patches/d.patch'], dir))).toMatchObject({ code: 'E_TARGET', message: `the patch ${dir}/patches/d.patch does not exist` })
  })
})

describe('resolving a kernel of one\'s own', () => {
  const target = { name: 't', suite: 'bookworm', architecture: 'amd64' } as const
  const packages = [samplePackage('linux-source-6.12', '6.12.117-1~deb12u1', 'all'), samplePackage('gcc', '4:12.2.0-3')]
  const spec = (text = ''): ReturnType<typeof sourceSpec.parse> => parseSpec(`provider: source\n${text}`, 'headers.yaml', sourceSpec, 'E_TARGET')

  test('takes Debian\'s sources, the shipped fragments and the release that follows from both', async () => {
    const { deps, asked } = fakeDeps({ packages })
    const locked = await resolveSource({ target, spec: spec() }, deps)
    expect(locked).toMatchObject({
      provider: 'source', release: '6.12.117-vyos', version: '6.12.117', sources: { from: 'debian', package: packages[0] }, patches: [], base: 'allnoconfig', revision: 1, signing: { policy: 'ephemeral' },
      fragments: [{ shipped: 'router', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }, { shipped: 'debian-secure-boot' }],
    })
    expect(asked[0]).toEqual(['exactly', 'linux-source-6.12'])
    expect(asked[1]).toEqual(expect.arrayContaining(['closure', 'gcc', 'ccache', 'make', 'libssl-dev', 'bison', 'debhelper']))
  })

  test('takes sources from a URL with the router\'s fragment alone, and a file\'s own release suffix', async () => {
    const { deps } = fakeDeps({ packages }, { targetDir: await temporaryFolder() })
    await writeFile(join(deps.targetDir, 'my.config'), 'CONFIG_LOCALVERSION="-mine"\n')
    const url = 'kernel: { from: url, url: "https://k.example/linux-6.6.54.tar.xz", version: 6.6.54, sizeBytes: 9, sha256: "' + 'ab'.repeat(32) + '" }\n'
    expect(await resolveSource({ target, spec: spec(url) }, deps)).toMatchObject({ release: '6.6.54-vyos', fragments: [{ shipped: 'router' }], sources: { from: 'url', tarball: { fileName: 'linux-6.6.54.tar.xz' } } })
    expect(await resolveSource({ target, spec: spec(`${url}config: { fragments: [router, my.config] }`) }, deps)).toMatchObject({ release: '6.6.54-mine' })
    expect(await resolveSource({ target, spec: spec(`${url}config: { base: my.config }`) }, deps)).toMatchObject({ release: '6.6.54-mine', base: { path: join(deps.targetDir, 'my.config') }, fragments: [] })
  })

  test.each([
    ['config: { fragments: [rooter] }', 'E_TARGET', 'headers.config.fragments: nat64-forge brings no fragment "rooter"'],
    ['config: { fragments: [./none.config] }', 'E_TARGET', 'the configuration /nonexistent/none.config does not exist'],
    ['config: { base: randconfig }', 'E_TARGET', 'headers.config.base: randconfig is none of allnoconfig, tinyconfig and defconfig'],
    ['signing: { key: k.pem, certificate: c.pem }', 'E_KEY_MISSING', 'the certificate /nonexistent/c.pem does not exist'],
  ])('%s: %s, before the archive is asked', async (text, code, message) => {
    const { deps, asked } = fakeDeps({ packages })
    expect(await rejection(resolveSource({ target, spec: spec(text) }, deps))).toMatchObject({ code, message })
    expect(asked).toEqual([])
  })

  test('a package whose version names no kernel is refused', async () => {
    const { deps } = fakeDeps({ packages: [samplePackage('linux-source-6.12', '6.12+1')] })
    expect(await rejection(resolveSource({ target, spec: spec() }, deps))).toMatchObject({ code: 'E_RESOLVE', message: 'linux-source-6.12 of bookworm has the version "6.12+1", which names no kernel' })
  })
})

describe('what was locked', () => {
  test('is read again only while it is the same', async () => {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'a.config'), 'CONFIG_A=y\n')
    const fragment = await lockFragment('./a.config', dir)
    const locked = { patches: [], base: 'allnoconfig', fragments: [fragment] } as unknown as SourceKernelLocked
    expect((await readLocked(fragment)).toString()).toBe('CONFIG_A=y\n')
    expect(await inputsChanged(locked)).toBe(false)
    await writeFile(join(dir, 'a.config'), 'CONFIG_A=m\n')
    expect(await rejection(readLocked(fragment))).toMatchObject({ code: 'E_LOCK_STALE' })
    expect(await inputsChanged(locked)).toBe(true)
  })
})

describe('the plan of a kernel', () => {
  const locked = (more: Partial<SourceKernelLocked> = {}): SourceKernelLocked => ({
    provider: 'source', release: '6.12.117-vyos', version: '6.12.117', buildDepends: [], buildRoot: [samplePackage('gcc-12', '12.2.0-14')], revision: 3, base: 'allnoconfig', patches: [], fragments: [],
    sources: { from: 'url', tarball: sampleFile('linux-6.12.117.tar.xz') }, signing: { policy: 'ephemeral' }, ...more,
  })
  const target = { name: 't', suite: 'bookworm', architecture: 'amd64', sourceDateEpoch: epoch } as const
  const file = { policy: 'file', keyFile: '/k', certificateFile: '/c', certificateSha256: 'ab'.repeat(32) } as const

  test('with a key that dies, Jool\'s modules are part of the build; with one that stays, they are not', () => {
    expect(planSource(locked(), target)).toMatchObject({ release: '6.12.117-vyos', kernelPackageVersion: '6.12.117-3', withJool: true, abiFixedByName: false })
    expect(planSource(locked({ signing: file }), target)).toMatchObject({ withJool: false })
  })

  test('has a key that follows contents, not places', () => {
    const keyOf = (more: Partial<SourceKernelLocked>): string => JSON.stringify(keyOfSource(planSource(locked(more), target)))
    const patch = (path: string, sha256 = 'cd'.repeat(32), strip = 1): Partial<SourceKernelLocked> => ({ patches: [{ path, sha256, strip }] })
    expect(keyOf(patch('/a/x.patch'))).toBe(keyOf(patch('/b/y.patch')))
    expect(keyOf(patch('/a/x.patch'))).not.toBe(keyOf(patch('/a/x.patch', 'ef'.repeat(32))))
    expect(keyOf(patch('/a/x.patch'))).not.toBe(keyOf(patch('/a/x.patch', 'cd'.repeat(32), 0)))
    expect(keyOf({ signing: file })).toBe(keyOf({ signing: { ...file, keyFile: '/elsewhere' } }))
    expect(keyOf({ signing: file })).not.toBe(keyOf({ signing: { ...file, certificateSha256: 'ef'.repeat(32) } }))
    expect(keyOf({ signing: file })).not.toBe(keyOf({}))
    expect(keyOf({ signing: file })).toBe(keyOf({ signing: { policy: 'pkcs11', uri: 'pkcs11:object=k', certificateFile: '/c', certificateSha256: 'ab'.repeat(32) } }))
  })
})

test('a date is written as date(1) does', () => {
  expect([dateText(epoch), dateText(1_704_067_199)]).toEqual(['Thu Jan  1 00:00:00 UTC 2026', 'Sun Dec 31 23:59:59 UTC 2023'])
})
