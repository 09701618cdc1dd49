import { describe, expect, test } from 'vitest'
import type { DebsPlan } from '../../../packaging/debs/plan.ts'
import { kernel56, kernel57, plansFor, vyos } from '../../support/debs-plans.ts'

const golden = (name: string): string => `../../golden/debs/${name}`

/** Everything that decides what is on the disk, in a form a person can review. */
function listing(plan: DebsPlan): string {
  return plan.packages.map(({ fileName, files, scripts, triggers, tree, generatedTrees = [] }) => [
    fileName,
    ...Object.entries(scripts).map(([name, content]) => `  DEBIAN/${name} <- ${content.kind === 'asset' ? content.path : content.kind}`),
    ...(triggers === undefined ? [] : [`  DEBIAN/triggers: ${triggers.trim()}`]),
    ...files.map(({ path, mode, content }) => `  ${mode.toString(8)} ${path} <- ${content.kind === 'asset' ? content.path : content.kind === 'module' ? `${content.name}.ko` : content.kind === 'generated' ? `generated: ${content.what}` : 'written'}`),
    ...tree.map(({ from = 'tools', pattern, mode, atLeast }) => `  ${mode.toString(8)} ${from}: at least ${String(atLeast)} of ${pattern}`),
    ...generatedTrees.map(({ what, below }) => `  644 ${below}/… <- generated: ${what}`),
    '',
  ].join('\n')).join('\n')
}

describe('the plan for Debian 12', () => {
  const plan = plansFor(kernel56)

  test('has a package for the kernel, one that follows the kernel, the tools, nat64ctl, and VyOS\'s glue over it', () => {
    expect(plan.packages.map(({ fileName }) => fileName)).toEqual([
      'jool-modules-6.1.0-56-amd64_4.1.13+forge1-1+linux6.1.192+2_amd64.deb',
      'jool-modules-amd64_4.1.13+forge1-1+linux6.1.192+2_amd64.deb',
      'jool-tools_4.1.13+forge1-1_amd64.deb',
      'nat64ctl_0.1.0-1_all.deb',
      'vyos-nat64_0.1.0-1_all.deb',
    ])
  })

  test.each(plan.packages.map(({ name, control }) => [name, control]))('writes the control file of %s', async (name, control) => {
    await expect(control).toMatchFileSnapshot(golden(`bookworm/${name}.control`))
  })

  test('puts kernel modules and units under /lib, as Debian 12 does', async () => {
    await expect(listing(plan)).toMatchFileSnapshot(golden('bookworm/files.txt'))
  })

  test('writes a machine-readable copyright file for each package', async () => {
    for (const { name, files } of plan.packages) {
      const content = files.find(({ path }) => path.endsWith('/copyright'))?.content
      await expect(content?.kind === 'text' ? content.text : '').toMatchFileSnapshot(golden(`bookworm/${name}.copyright`))
    }
  })

  test('dates the changelog by the lock, not by the clock', () => {
    const content = plan.packages[2]?.files.find(({ path }) => path.endsWith('/changelog.Debian.gz'))?.content
    expect(content).toEqual({
      kind: 'text',
      text: 'jool (4.1.13+forge1-1) bookworm; urgency=medium\n\n  * Tools of Jool 4.1.13.\n\n -- nat64-forge <nat64-forge@localhost>  Thu, 01 Jan 2026 00:00:00 +0000\n',
    })
  })

  test('is plain JSON', () => {
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
  })
})

describe('the plan for a kernel whose release does not fix its ABI', () => {
  const plan = plansFor(vyos)

  test('depends on the kernel package in exactly the version it was built for', async () => {
    await expect(plan.packages[0]?.control).toMatchFileSnapshot(golden('vyos/jool-modules-6.6.54-vyos.control'))
  })

  test('has no metapackage where the kernel has none', () => {
    expect(plan.packages.map(({ name }) => name)).toEqual(['jool-modules-6.6.54-vyos', 'jool-tools', 'nat64ctl', 'vyos-nat64'])
  })
})

test('since Debian 13 kernel modules and units are under /usr/lib', async () => {
  const plan = plansFor({ release: '6.12.117+deb13-amd64', version: '6.12.117-1', flavour: 'amd64' }, { suite: 'trixie' })
  await expect(listing(plan)).toMatchFileSnapshot(golden('trixie/files.txt'))
})

test('two kernels\' packages of one Jool version share the tools and what has nothing of Jool, and nothing else', () => {
  const names = (plan: DebsPlan): string[] => plan.packages.map(({ fileName }) => fileName)
  const ofBoth = names(plansFor(kernel56)).filter((name) => names(plansFor(kernel57)).includes(name))
  expect(ofBoth).toEqual(['jool-tools_4.1.13+forge1-1_amd64.deb', 'nat64ctl_0.1.0-1_all.deb', 'vyos-nat64_0.1.0-1_all.deb'])
})

test('a real mail address needs no lintian override', () => {
  const plan = plansFor(kernel56, { maintainer: 'Jo Doe <jo@routers.example.net>' })
  const overridden = plan.packages.flatMap(({ files }) => files.filter(({ path }) => path.includes('/lintian/')).map(({ path }) => path))
  expect(overridden).toEqual(['usr/share/lintian/overrides/jool-modules-amd64', 'usr/share/lintian/overrides/jool-tools', 'usr/share/lintian/overrides/nat64ctl', 'usr/share/lintian/overrides/vyos-nat64'])
})

test('nat64ctl keeps its version when Jool or the kernel changes, and a new revision raises it', () => {
  const own = (...options: Parameters<typeof plansFor>): string | undefined => plansFor(...options).packages.at(-2)?.fileName
  expect(own(kernel57, { jool: '4.1.14' })).toBe('nat64ctl_0.1.0-1_all.deb')
  expect(own(kernel56, { revision: 2 })).toBe('nat64ctl_0.1.0-2_all.deb')
})
