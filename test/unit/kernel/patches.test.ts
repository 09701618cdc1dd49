import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { patchesChanged, patchesFor, type JoolPatch } from '../../../kernel/compile/patches.ts'
import { foresee } from '../../../kernel/modules/foresee.ts'
import { joolVersion } from '../../../scripts/domain/jool-version.ts'
import { kernelRelease } from '../../../scripts/domain/kernel-release.ts'
import { sha256Of } from '../../../scripts/lib/digest.ts'
import { createLog } from '../../../scripts/lib/log.ts'
import { plansFor, kernel56 } from '../../support/debs-plans.ts'
import { rejection } from '../../support/rejection.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

async function patches(series: string, release: string, jool = '4.1.13'): Promise<JoolPatch[]> {
  const dir = await temporaryFolder()
  await mkdir(join(dir, '4.1.13'))
  await writeFile(join(dir, '4.1.13/series'), series)
  for (const name of ['a', 'b', 'c']) await writeFile(join(dir, '4.1.13', `${name}.patch`), name)
  return patchesFor({ version: joolVersion(jool), released: true }, kernelRelease(release), dir)
}
const series = '# timers were renamed\nb.patch   6.16 - 6.18\n\na.patch 5.10 - 6.17   # both\nc.patch >=7.0.0\n'

describe('the patches of a series', () => {
  test.each([
    ['6.1.0-56-amd64', ['4.1.13/a.patch']],
    ['6.16.3+deb13-amd64', ['4.1.13/b.patch', '4.1.13/a.patch']],
    ['6.18.1', ['4.1.13/b.patch']],
    ['5.4.268-amd64-vyos', []],
    ['7.3.4+deb13-amd64', ['4.1.13/c.patch']],
  ])('for %s are %j, in the order of the file', async (release, names) => {
    expect((await patches(series, release)).map(({ name }) => name)).toEqual(names)
  })

  test('are named by their digest too', async () => {
    expect(await patches(series, '6.18.1')).toEqual([{ name: '4.1.13/b.patch', sha256: sha256Of('b') }])
  })

  test('are none for a version of Jool that has no series', async () => {
    expect(await patches(series, '6.16.3', '4.1.14')).toEqual([])
  })

  test('of all versions come first, by the version of Jool', async () => {
    const dir = await temporaryFolder()
    for (const folder of ['all', '4.1.13']) {
      await mkdir(join(dir, folder))
      await writeFile(join(dir, folder, 'a.patch'), folder)
    }
    await writeFile(join(dir, 'all/series'), 'a.patch 4.1.9 - 4.1.13\n')
    await writeFile(join(dir, '4.1.13/series'), 'a.patch 6.1\n')
    const names = async (jool: string): Promise<string[]> => (await patchesFor({ version: joolVersion(jool), released: true }, kernelRelease('6.1.0-1-amd64'), dir)).map(({ name }) => name)
    expect(await names('4.1.13')).toEqual(['all/a.patch', '4.1.13/a.patch'])
    expect(await names('4.1.10')).toEqual(['all/a.patch'])
    expect(await names('4.1.14')).toEqual([])
    expect(await patchesFor({ version: joolVersion('4.1.10'), released: false }, kernelRelease('6.1.0-1-amd64'), dir)).toEqual([])
  })

  test('that came after a lock was written are named before it is built, and all others are none of it', async () => {
    const dir = await temporaryFolder()
    for (const folder of ['all', '4.1.13']) {
      await mkdir(join(dir, folder))
      for (const name of ['a', 'b']) await writeFile(join(dir, folder, `${name}.patch`), folder)
      await writeFile(join(dir, folder, 'series'), `a.patch ${folder === 'all' ? '4.1.13' : '6.1'}\nb.patch ${folder === 'all' ? '4.1.13' : '6.1'}\n`)
    }
    const warnings: string[] = []
    const plan = { joolVersion: joolVersion('4.1.13'), release: kernelRelease('6.1.0-1-amd64') }
    const current = await patchesFor({ version: plan.joolVersion, released: true }, plan.release, dir)
    const warned = async (more: Partial<Parameters<typeof foresee>[0]>): Promise<string[]> => {
      await foresee({ ...plan, ...more }, createLog((event) => { if (event.kind === 'warning') warnings.push(event.text) }), dir)
      return warnings.splice(0)
    }
    expect(await warned({ patches: current })).toEqual([])
    expect(await warned({ patches: current.filter(({ name }) => name !== 'all/b.patch') })).toEqual(['the lock is older than kernel/patches/all/b.patch: Jool\'s modules are built without; with --update they are built anew, with it'])
    expect(await warned({ patches: current.slice(1, 3) })).toEqual(['the lock is older than kernel/patches/all/a.patch and kernel/patches/4.1.13/b.patch: Jool\'s modules are built without; with --update they are built anew, with it'])
    expect(await patchesChanged(current, dir)).toBe(false)
    await writeFile(join(dir, 'all', 'a.patch'), 'edited')
    expect(await patchesChanged(current, dir)).toBe(true)
    expect(await patchesChanged([{ name: 'all/gone.patch', sha256: current[0]?.sha256 ?? '' }], dir)).toBe(true)
    expect(await rejection(warned({ patches: current }))).toMatchObject({ code: 'E_LOCK_STALE', message: expect.stringContaining('the digest of the patch all/a.patch') })
    expect(await rejection(warned({ unsigned: true }))).toMatchObject({ code: 'E_UNSIGNED' })
    // A checkout has none of those for all releases.
    expect(await warned({ checkout: true, patches: current.slice(2) })).toEqual([])
  })

  test.each([
    ['a.patch\n', 'kernel/patches/4.1.13/series:1 is not a patch and a range of versions: a.patch'],
    ['\n../a.patch 6.1\n', 'kernel/patches/4.1.13/series:2 is not a patch and a range of versions: ../a.patch 6.1'],
    ['a.patch six\n', 'kernel/patches/4.1.13/series:1 is not a patch and a range of versions: a.patch six'],
    ['gone.patch 6.1\n', 'kernel/patches/4.1.13/gone.patch is in its series, and cannot be read'],
  ])('%j are refused', async (text, message) => {
    expect(await rejection(patches(text, '6.1.0-1-amd64'))).toMatchObject({ code: 'E_PATCH', exitStatus: 65, message })
  })

  test('stand in the changelog of the package that was built with them', () => {
    const patched = plansFor(kernel56, { patches: ['4.1.13/a.patch', '4.1.13/b.patch'] })
    const changelog = patched.packages[0]?.files.find(({ path }) => path.endsWith('changelog.Debian.gz'))?.content
    expect(changelog).toMatchObject({ text: expect.stringContaining('  * Jool 4.1.13 built for 6.1.0-56-amd64 (6.1.192-2).\n  * Jool\'s sources were patched: 4.1.13/a.patch.\n  * Jool\'s sources were patched: 4.1.13/b.patch.\n') })
    // Debian's tools are as Debian built them.
    expect(JSON.stringify(patched.packages[2]?.files)).not.toContain('patched')
    expect(patched.patches).toEqual(['4.1.13/a.patch', '4.1.13/b.patch'])
  })
})
