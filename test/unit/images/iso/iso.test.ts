import { describe, expect, test } from 'vitest'
import { grubConfig, isolinuxConfig } from '../../../../images/iso/boot-menu.ts'
import { keyOf, plan as planAny, volumeId, type ReferencePlan } from '../../../../images/iso/plan.ts'
import { resolve } from '../../../../images/iso/resolve.ts'
import { isoSpec } from '../../../../images/iso/spec.ts'
import { iso } from '../../../../images/iso/stage.ts'
import { versionJson } from '../../../../images/iso/vyos-shape.ts'
import type { DebsPlan } from '../../../../packaging/debs/artifact.ts'
import type { HeadersLocked, HeadersPlan } from '../../../../kernel/headers/artifact.ts'
import type { SourceLocked } from '../../../../kernel/source/artifact.ts'
import { createExec } from '../../../../scripts/lib/exec.ts'
import { silentLog } from '../../../../scripts/lib/log.ts'
import { fakeDeps } from '../../../support/fake-archive.ts'
import { rejection } from '../../../support/rejection.ts'
import { debianSource, sampleLock, samplePackage } from '../../../support/sample-lock.ts'

const entry = { label: 'debian-12 router (Linux 6.1.0-56-amd64)', commandLine: 'boot=live console=ttyS0,115200' }

test('the menu for BIOS', async () => {
  await expect(isolinuxConfig(entry)).toMatchFileSnapshot('../../../golden/iso/isolinux.cfg')
})

test('the menu for UEFI', async () => {
  await expect(grubConfig(entry)).toMatchFileSnapshot('../../../golden/iso/grub.cfg')
})

describe('a volume ID', () => {
  test.each([['NAT64_debian-12', 'NAT64_DEBIAN_12'], ['a.b c/ü', 'A_B_C__'], ['X'.repeat(40), 'X'.repeat(32)]])('of %j is %j', (label, id) => {
    expect(volumeId(label)).toBe(id)
  })

  test('is never empty', async () => {
    expect(await rejection(() => volumeId(''))).toMatchObject({ code: 'E_ISO' })
  })
})

describe('the plan of an image', () => {
  const plan = (...input: Parameters<typeof planAny>): ReferencePlan => planAny(...input) as ReferencePlan
  const target = { name: 'my.router', suite: 'bookworm', architecture: 'amd64', sourceDateEpoch: 1 } as const
  const before = { headers: { provider: 'debian', release: '6.1.0-56-amd64' } as HeadersPlan, debs: { packages: [{ name: 'jool-modules-6.1.0-56-amd64' }, { name: 'jool-tools' }, { name: 'vyos-nat64' }] } as DebsPlan }
  const planned = (spec: object) => plan({ target, spec: isoSpec.parse(spec), locked: { packages: [] } }, before)

  test('compresses well by default, quickly on wish', () => {
    expect(planned({}).squashfs).toEqual(['-comp', 'zstd', '-Xcompression-level', '15', '-b', '256K'])
    expect(planned({ compression: 'fast' }).squashfs).toEqual(['-comp', 'zstd', '-Xcompression-level', '1', '-b', '256K'])
  })

  test('names image, volume and packages after target and earlier stages', () => {
    expect(planned({ hostname: 'r1', rootPassword: 's3cret' })).toMatchObject({
      isoName: 'my.router-router.iso', volumeId: 'NAT64_MY_ROUTER', hostname: 'r1', rootPassword: 's3cret', release: '6.1.0-56-amd64', ownPackages: ['jool-modules-6.1.0-56-amd64', 'jool-tools'],
    })
  })

  test('keeps Debian\'s kernel, and takes any other from the headers stage', () => {
    expect(planned({}).kernel).toBe('own')
    const other = plan({ target, spec: isoSpec.parse({}), locked: { packages: [] } }, { ...before, headers: { provider: 'source', release: '6.12.48-vyos' } as HeadersPlan })
    expect(other.kernel).toBe('replace')
    expect([planned({}), other].map((one) => iso.alsoReads?.(one))).toEqual([[], ['headers']])
  })

  test('in VyOS\'s form has VyOS\'s squashfs, names and one package with all of Jool', () => {
    const shaped = plan({ target, spec: isoSpec.parse({ kind: 'vyos-shaped' }), locked: { packages: [] } }, {
      headers: { provider: 'source', release: '6.12.48-vyos' } as HeadersPlan, debs: { packages: [{ name: 'jool-tools' }], sourceDateEpoch: 1_767_225_660, upstreamVersion: '4.1.9+forge1' } as DebsPlan,
    })
    expect(shaped).toMatchObject({ volumeId: 'VyOS', ownPackages: [], kernel: 'replace', vyosShape: { version: '1.5-rolling-202601010001', joolPackageVersion: '4.1.9+shaped-1' } })
    expect(shaped.squashfs.join(' ')).toBe('-comp xz -Xbcj x86 -b 256K -always-use-fragments -no-recovery')
    expect(JSON.parse(versionJson({ version: '1.5-rolling-1', joolPackageVersion: '' }, 0))).toMatchObject({ version: '1.5-rolling-1', built_on: '1970-01-01T00:00:00.000Z' })
  })

  test('names the key for Secure Boot; of its key in the store only the certificate counts', () => {
    const secureBoot = { policy: 'file', keyFile: '/a/key.pem', certificateFile: '/a/certificate.pem', certificateSha256: '1'.repeat(64) } as const
    const signed = (key: typeof secureBoot | undefined) => plan({ target, spec: isoSpec.parse({}), locked: { packages: [], ...(key ? { secureBoot: key } : {}) } }, { ...before, headers: { provider: 'source', release: '6.12.48-vyos' } as HeadersPlan })
    expect(signed(secureBoot).secureBoot).toEqual(secureBoot)
    expect(keyOf(signed({ ...secureBoot, keyFile: '/b/key.pem', certificateFile: '/b/certificate.pem' } as never))).toEqual(keyOf(signed(secureBoot)))
    expect(keyOf(signed({ ...secureBoot, certificateSha256: '2'.repeat(64) }))).not.toEqual(keyOf(signed(secureBoot)))
    expect(JSON.stringify(keyOf(signed(secureBoot)))).not.toContain('/a/')
    expect(keyOf(signed(undefined))).toEqual(signed(undefined))
  })

  test('makes the serial line the last console, which is the router\'s own', () => {
    expect(/console=\S+(?!.*console=)/.exec(planned({}).isolinuxConfig)?.[0]).toBe('console=ttyS0,115200')
    expect(planned({}).grubConfig).toContain('linux /live/vmlinuz boot=live')
  })
})

test.each([[{ hostname: 'Router' }], [{ hostname: '-x' }], [{ rootPassword: '' }], [{ rootPassword: 'a b' }], [{ packages: ['a;b'] }], [{ kind: 'vyos' }], [{ compression: 'none' }], [{ secureBoot: { key: 'a.key' } }], [{ secureBoot: { key: 'pkcs11:token=a', certificate: 'a.pem' } }]])('a target cannot ask for %j', (spec) => {
  expect(isoSpec.safeParse(spec).success).toBe(false)
})

describe('resolving the image\'s packages', () => {
  const target = { name: 't', suite: 'bookworm', architecture: 'amd64' } as const
  const headers = sampleLock().stages.headers as HeadersLocked
  const closure = async (source: unknown, spec: object = {}, locked = headers): Promise<string[]> => {
    const { deps, asked } = fakeDeps({ packages: [samplePackage('systemd', '252')] })
    expect(await resolve({ target, spec: isoSpec.parse(spec), before: { source: source as SourceLocked, headers: locked } }, deps)).toEqual({ packages: [samplePackage('systemd', '252')] })
    return asked[0]?.slice(1) ?? []
  }

  test('adds the kernel, its metapackage, the tools\' libraries and what the target names', async () => {
    const names = await closure(debianSource, { packages: ['frr', 'mtr-tiny'] })
    expect(names.slice(-8)).toEqual(['linux-image-6.1.0-56-amd64', 'linux-image-amd64', 'libc6', 'libnl-3-200', 'libnl-genl-3-200', 'libxtables12', 'frr', 'mtr-tiny'])
    expect(names).toEqual(expect.arrayContaining(['?essential', 'live-boot', 'systemd-sysv', 'nftables', 'iptables', 'iproute2', 'kmod']))
  })

  test('knows the libraries of tools that are compiled here', async () => {
    expect((await closure({ provider: 'directory' })).slice(-4)).toEqual(['libc6', 'libnl-3-200', 'libnl-genl-3-200', 'libxtables12'])
  })

  describe('refuses, before anything is compiled, tools that the image\'s libraries are too old for', () => {
    const resolved = async (depends: string, version: string): Promise<unknown> => {
      const { deps } = fakeDeps({ packages: [samplePackage('libnl-3-200', version)] }, { exec: createExec({ log: silentLog }) })
      return await resolve({ target, spec: isoSpec.parse({}), before: { source: { ...debianSource, toolsDepends: [depends] } as SourceLocked, headers } }, deps)
    }

    test.each([['libnl-3-200 (>= 3.11)', '3.7.0-0.2+b1'], ['libnl-3-200:any (<< 3.7)', '3.7.0-0.2'], ['libnl-3-200 (= 3.7.0-0.2)', '3.7.0-0.2+b1']])('%s of %s', async (depends, version) => {
      const error = await rejection(resolved(depends, version))
      expect([error.code, error.message]).toEqual(['E_TARGET', `jool-tools 4.1.13-1.1 depends on ${depends}, and the image will have libnl-3-200 ${version}: they could not be installed`])
      expect(error.hint).toContain('source.suite')
    })

    test.each([['libnl-3-200 (>= 3.7)', '3.7.0-0.2+b1'], ['libnl-3-200', '1'], ['libother (>= 9)', '1'], ['libother (>= 9) | libnl-3-200 (>= 9)', '1']])('and takes %s with %s', async (depends, version) => {
      await expect(resolved(depends, version)).resolves.toMatchObject({ packages: [{ name: 'libnl-3-200', version }] })
    })
  })

  test('leaves Debian\'s kernel out where another takes its place', async () => {
    const other = { ...headers, provider: 'source' } as HeadersLocked
    expect((await closure(debianSource, { kernel: 'replace' }, other)).filter((name) => name.startsWith('linux-'))).toEqual([])
    expect((await closure(debianSource, {}, other)).filter((name) => name.startsWith('linux-'))).toEqual([])
  })

  test.each([['own', 'packages', 'keeps Debian\'s kernel, but headers.provider: packages'], ['replace', 'debian', 'headers.provider: debian is Debian\'s']] as const)('refuses kernel: %s with the provider %s', async (kernel, provider, words) => {
    const error = await rejection(closure(debianSource, { kernel }, { ...headers, provider } as HeadersLocked))
    expect([error.code, error.message]).toEqual(['E_TARGET', expect.stringContaining(words)])
  })

  test.each([
    ['debian', {}, 'Debian\'s kernel does not trust Jool\'s'],
    ['source', { signing: { policy: 'none' } }, 'headers.signing.key: none signs none'],
  ] as const)('refuses to sign for Secure Boot a kernel that would not load the modules (%s)', async (provider, more, words) => {
    const error = await rejection(closure(debianSource, { secureBoot: { key: 'a.key', certificate: 'a.pem' } }, { ...headers, provider, ...more } as HeadersLocked))
    expect([error.code, error.message]).toEqual(['E_TARGET', expect.stringContaining(words)])
  })

  test('follows no metapackage for an exact kernel', async () => {
    const { flavour: _, ...exact } = headers
    expect(await closure(debianSource, {}, exact)).not.toContain('linux-image-amd64')
  })
})
