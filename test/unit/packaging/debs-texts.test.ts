import { describe, expect, test } from 'vitest'
import { buildinfo, buildinfoName } from '../../../packaging/debs/buildinfo.ts'
import { toolsDepends } from '../../../packaging/debs/build-deb.ts'
import { description, paragraph } from '../../../packaging/debs/control.ts'
import { sourcesText } from '../../../packaging/debs/corresponding-source.ts'
import { debsSpec } from '../../../packaging/debs/spec.ts'
import { inPackageName, kernelBoundVersion, sameUpstream } from '../../../packaging/debs/versions.ts'
import { sha256 } from '../../../scripts/domain/digest.ts'
import { kernel56, plansFor } from '../../support/debs-plans.ts'

const digest = sha256('0123456789abcdef'.repeat(4))

describe('versions', () => {
  test('a package bound to a kernel carries the kernel\'s version without epoch and hyphens', () => {
    expect(kernelBoundVersion('4.1.13+forge1-1', '1:6.12.48-1~bpo12+1')).toBe('4.1.13+forge1-1+linux6.12.48+1~bpo12+1')
  })

  test('a kernel release becomes a lawful part of a package name', () => {
    expect(inPackageName('6.12.0-My_Router+1')).toBe('6.12.0-my-router+1')
  })

  test('the same upstream version is a range', () => {
    expect(sameUpstream('jool-tools', '4.1.13')).toEqual(['jool-tools (>= 4.1.13)', 'jool-tools (<< 4.1.13.0~)'])
  })
})

describe('control files', () => {
  test('empty fields are left out', () => {
    expect(paragraph([['Package', 'x'], ['Depends', []], ['Protected', undefined], ['Provides', ['a', 'b (= 1)']]])).toBe('Package: x\nProvides: a, b (= 1)\n')
  })

  test('a description is wrapped at 78 columns, its paragraphs separated by dots', () => {
    expect(description('short', ['a '.repeat(40).trim(), 'end'])).toBe(`short\n ${'a '.repeat(39).trim()}\n a\n .\n end`)
  })

  test('the tools\' own dependency on init-system-helpers gives way to ours', () => {
    expect(toolsDepends(['libnl-3-200 (>= 3.2.24)', 'init-system-helpers (>= 1.51)', 'libc6 (>= 2.34)']))
      .toEqual(['init-system-helpers (>= 1.54~)', 'libc6 (>= 2.34)', 'libnl-3-200 (>= 3.2.24)'])
  })
})

test('the .buildinfo names every package with its digests, and the build root', async () => {
  const plan = plansFor(kernel56)
  const files = plan.packages.slice(0, 3).map(({ fileName }, index) => ({
    name: fileName, sizeBytes: 1000 + index, md5: 'a'.repeat(32), sha1: 'b'.repeat(40), sha256: 'c'.repeat(64),
  }))
  await expect(buildinfo(plan, plan.packages[0]!.source, files)).toMatchFileSnapshot('../../golden/debs/bookworm/jool.buildinfo')
})

test('nat64ctl has a .buildinfo of its own source, in which nothing was compiled', async () => {
  const plan = plansFor(kernel56)
  const [own] = plan.packages.slice(-1)
  const files = [{ name: own!.fileName, sizeBytes: 1000, md5: 'a'.repeat(32), sha1: 'b'.repeat(40), sha256: 'c'.repeat(64) }]
  expect(buildinfoName(own!.source)).toBe('nat64-forge_0.1.0-1_all.buildinfo')
  await expect(buildinfo(plan, own!.source, files)).toMatchFileSnapshot('../../golden/debs/bookworm/nat64-forge.buildinfo')
})

describe('SOURCES.txt', () => {
  const names = { orig: 'jool_4.1.13+forge1.orig.tar.xz', packaging: 'jool_4.1.13+forge1-1.packaging.tar.xz' }
  const digests = [{ name: names.orig, sha256: digest }, { name: names.packaging, sha256: digest }]
  const file = { fileName: 'jool_4.1.13.orig.tar.gz', sizeBytes: 345, sha256: digest, from: { archive: 'debian', path: 'pool/x' } } as const

  test('says what is missing, with digests, when the mirror lacks a source package', async () => {
    const text = sourcesText(plansFor(kernel56), names, digests, [{ sourcePackage: 'jool', version: '4.1.13-1.1', files: [file], included: false }])
    await expect(text).toMatchFileSnapshot('../../golden/debs/bookworm/SOURCES-referenced.txt')
  })

  test('lists the source package when it is here', async () => {
    const text = sourcesText(plansFor(kernel56), names, [...digests, { name: file.fileName, sha256: digest }], [{ sourcePackage: 'jool', version: '4.1.13-1.1', files: [file], included: true }])
    await expect(text).toMatchFileSnapshot('../../golden/debs/bookworm/SOURCES-included.txt')
  })
})

describe('the debs section of a target', () => {
  test('may be left out', () => {
    expect(debsSpec.parse(undefined)).toEqual({ maintainer: 'nat64-forge <nat64-forge@localhost>', revision: 1 })
  })

  test.each([
    [{ maintainer: 'somebody' }, 'maintainer'],
    [{ maintainer: 'Two Lines\n <a@b>' }, 'maintainer'],
    [{ revision: 0 }, 'revision'],
    [{ revison: 2 }, ''],
    [{ signing: {} }, 'signing.key'],
  ])('refuses %j', (section, where) => {
    const result = debsSpec.safeParse(section)
    expect(result.error?.issues.map(({ path }) => path.join('.'))).toEqual([where])
  })
})
