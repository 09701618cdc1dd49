import { describe, expect, test } from 'vitest'
import { vermagicOf } from '../../../kernel/headers/kernel-config.ts'
import { signingPolicyOf } from '../../../images/inspect/artifact.ts'
import { resolve } from '../../../kernel/headers/resolve.ts'
import { headersSpec } from '../../../kernel/headers/spec.ts'
import { kernelRelease } from '../../../scripts/domain/kernel-release.ts'
import { parseKernelConfig } from '../../../scripts/formats/kconfig.ts'
import { fakeDeps, type FakeArchive } from '../../support/fake-archive.ts'
import { rejection } from '../../support/rejection.ts'
import { samplePackage } from '../../support/sample-lock.ts'

const config = (...names: string[]) => parseKernelConfig(names.map((name) => `CONFIG_${name}=y`).join('\n'))
const release = kernelRelease('6.1.0-56-amd64')

describe('the vermagic of a kernel', () => {
  test.each([
    [['SMP', 'MODULE_UNLOAD', 'MODVERSIONS', 'PREEMPT_VOLUNTARY'], '6.1.0-56-amd64 SMP mod_unload modversions '],
    [['SMP', 'MODULE_UNLOAD', 'MODVERSIONS', 'PREEMPT_BUILD', 'PREEMPT_DYNAMIC'], '6.1.0-56-amd64 SMP preempt mod_unload modversions '],
    [['SMP', 'MODULE_UNLOAD', 'MODVERSIONS', 'PREEMPT_RT', 'PREEMPT_BUILD'], '6.1.0-56-amd64 SMP preempt_rt mod_unload modversions '],
    [['SMP', 'PREEMPT', 'MODULE_UNLOAD'], '6.1.0-56-amd64 SMP preempt mod_unload '],
    [['SMP', 'MODULE_UNLOAD'], '6.1.0-56-amd64 SMP mod_unload '],
    [[], '6.1.0-56-amd64 '],
  ])('with %j is %j', (names, vermagic) => {
    expect(vermagicOf(release, config(...names))).toBe(vermagic)
  })
})

test('who may sign modules follows from the configuration', () => {
  expect(signingPolicyOf(config())).toBe('off')
  expect(signingPolicyOf(config('MODULE_SIG'))).toBe('any')
  expect(signingPolicyOf(config('MODULE_SIG', 'MODULE_SIG_FORCE'))).toBe('forced')
  expect(signingPolicyOf(config('MODULE_SIG', 'LOCK_DOWN_KERNEL_FORCE_INTEGRITY'))).toBe('forced')
  expect(signingPolicyOf(config('MODULE_SIG_FORCE'))).toBe('off')
})

describe('resolving Debian\'s kernel', () => {
  const target = { name: 't', suite: 'bookworm', architecture: 'amd64' } as const
  const archive: FakeArchive = {
    records: {
      'linux-headers-amd64': { Version: '6.1.192-2', Depends: 'linux-headers-6.1.0-56-amd64 (= 6.1.192-2)' },
      'linux-image-amd64': { Version: '6.1.192-2', Depends: 'linux-image-6.1.0-56-amd64 (= 6.1.192-2)' },
      'linux-image-6.1.0-56-amd64': { Version: '6.1.192-2' },
      'linux-image-6.1.0-50-amd64': { Version: '6.1.150-1' },
      'linux-headers-6.1.0-50-amd64': { Depends: '' },
      'linux-headers-6.1.0-56-amd64': { Depends: 'linux-headers-6.1.0-56-common (= 6.1.192-2), linux-kbuild-6.1 (>= 6.1.192-2), linux-compiler-gcc-12-x86' },
      'linux-headers-6.1.0-56-common': { Depends: '' },
      'linux-kbuild-6.1': { Depends: 'libc6 (>= 2.34), libelf1 (>= 0.142)' },
    },
    packages: ['linux-headers-6.1.0-56-amd64', 'linux-headers-6.1.0-56-common', 'linux-kbuild-6.1', 'linux-headers-6.1.0-50-amd64'].map((name) => samplePackage(name, '6.1.192-2')),
  }

  test('follows the flavour to the newest kernel, its whole build tree and what that needs', async () => {
    const { deps, opened } = fakeDeps(archive)
    expect(await resolve({ target, spec: headersSpec.parse({ provider: 'debian' }), before: {} }, deps)).toEqual({
      provider: 'debian', release: '6.1.0-56-amd64', flavour: 'amd64', packages: archive.packages?.slice(0, 3),
      imageVersion: '6.1.192-2', metapackageVersion: '6.1.192-2', buildDepends: ['libc6', 'libelf1', 'linux-compiler-gcc-12-x86'],
    })
    expect(opened).toEqual([['bookworm', 'amd64']])
  })

  test('takes an exact release as it is, without a metapackage', async () => {
    const { deps, asked } = fakeDeps(archive)
    expect(await resolve({ target, spec: headersSpec.parse({ provider: 'debian', release: '6.1.0-50-amd64' }), before: {} }, deps)).toEqual({
      provider: 'debian', release: '6.1.0-50-amd64', packages: archive.packages?.slice(3), imageVersion: '6.1.150-1', buildDepends: [],
    })
    expect(asked.flat()).not.toContain('linux-image-amd64')
  })

  test('refuses an archive whose metapackages point to different kernels', async () => {
    const { deps } = fakeDeps({ ...archive, records: { ...archive.records, 'linux-image-amd64': { Version: '6.1.193-1', Depends: 'linux-image-6.1.0-57-amd64 (= 6.1.193-1)' } } })
    expect(await rejection(resolve({ target, spec: { provider: 'debian' }, before: {} }, deps))).toMatchObject({ code: 'E_RESOLVE', message: 'linux-image-amd64 and linux-headers-amd64 point to different kernels' })
  })

  test('refuses a flavour that leads to no headers', async () => {
    const { deps } = fakeDeps({ ...archive, records: { 'linux-headers-amd64': { Depends: 'something-else' } } })
    expect(await rejection(resolve({ target, spec: { provider: 'debian' }, before: {} }, deps))).toMatchObject({ code: 'E_RESOLVE', message: 'linux-headers-amd64 depends on no kernel headers' })
  })

  test('names a flavour that the suite does not have', async () => {
    const { deps } = fakeDeps(archive)
    expect(await rejection(resolve({ target, spec: { provider: 'debian', flavour: 'riscv64' }, before: {} }, deps))).toMatchObject({ code: 'E_RESOLVE', message: 'no package linux-headers-riscv64' })
  })
})
