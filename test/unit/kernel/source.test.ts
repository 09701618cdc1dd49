import { chmod, cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { keyOf } from '../../../kernel/source/plan.ts'
import { resolve } from '../../../kernel/source/resolve.ts'
import { sourceSpec, type SourceSpec } from '../../../kernel/source/spec.ts'
import { sourceEntries, treeDigest } from '../../../kernel/source/tree-digest.ts'
import { versionOfTree } from '../../../kernel/source/tree-version.ts'
import type { Sha256 } from '../../../scripts/domain/digest.ts'
import { joolVersion } from '../../../scripts/domain/jool-version.ts'
import { sha256Of } from '../../../scripts/lib/digest.ts'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import { createLog, type LogEvent } from '../../../scripts/lib/log.ts'
import { fakeDeps, type FakeArchive } from '../../support/fake-archive.ts'
import { rejection } from '../../support/rejection.ts'
import { sampleFile, samplePackage } from '../../support/sample-lock.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const target = { name: 't', suite: 'bookworm', architecture: 'amd64' } as const
const header = (major: string, minor: string, rev: string): string => `/* JOOL_VERSION_MAJOR 9 */\n#define JOOL_VERSION_MAJOR ${major}\n#define\tJOOL_VERSION_MINOR   ${minor}\n#define JOOL_VERSION_REV ${rev}\n#define JOOL_VERSION_DEV 0\n`

async function tree(text = header('4', '1', '13')): Promise<string> {
  const dir = join(await temporaryFolder(), 'jool')
  await mkdir(join(dir, 'src/common'), { recursive: true })
  await writeFile(join(dir, 'src/common/xlat.h'), text)
  return dir
}

describe('the version of a source tree', () => {
  test('is what its modules will carry', async () => {
    expect(await versionOfTree(await tree())).toBe('4.1.13')
    expect(await versionOfTree('test/fixtures/jool-fixture')).toBe('4.1.13')
  })

  test('is asked of Jool\'s trees only', async () => {
    const dir = await temporaryFolder()
    expect(await rejection(versionOfTree(dir))).toMatchObject({ code: 'E_SOURCE', message: `${dir} is not a source tree of Jool: src/common/xlat.h is missing` })
    expect(await rejection(tree('#define JOOL_VERSION_MAJOR 4\n').then(versionOfTree))).toMatchObject({ code: 'E_SOURCE', message: expect.stringMatching(/xlat\.h does not define Jool's version$/) })
  })
})

describe('the digest of a source tree', () => {
  test('is that of names and contents: not of version control, modes, times and place', async () => {
    const dir = await tree()
    const digest = await treeDigest(dir)
    const copy = join(await temporaryFolder(), 'copy')
    await cp(dir, copy, { recursive: true })
    await mkdir(join(copy, '.git'))
    await writeFile(join(copy, '.git/HEAD'), 'x')
    await writeFile(join(copy, '.gitignore'), '')
    await rm(join(copy, '.gitignore'))
    await chmod(join(copy, 'src/common/xlat.h'), 0o600)
    expect(await treeDigest(copy)).toBe(digest)
  })

  test.each<[string, (dir: string) => Promise<void>]>([
    ['a file', (dir) => writeFile(join(dir, 'new'), '')],
    ['a changed byte', (dir) => writeFile(join(dir, 'src/common/xlat.h'), header('4', '1', '14'))],
    ['a link', (dir) => symlink('src', join(dir, 'link'))],
    ['a link\'s aim', (dir) => rm(join(dir, 'there')).then(() => symlink('elsewhere', join(dir, 'there')))],
    ['a name', (dir) => cp(join(dir, 'src'), join(dir, 'source'), { recursive: true }).then(() => rm(join(dir, 'src'), { recursive: true }))],
  ])('changes with %s', async (_what, change) => {
    const dir = await tree()
    await symlink('src', join(dir, 'there'))
    const before = await treeDigest(dir)
    await change(dir)
    expect(await treeDigest(dir)).not.toBe(before)
  })

  test('lists entries in one order', async () => {
    const dir = await tree()
    for (const name of ['b', 'a', 'B', 'ä']) await writeFile(join(dir, name), '')
    expect(await sourceEntries(dir)).toEqual(['B', 'a', 'b', 'src/common/xlat.h', 'ä'])
  })

  test('of a folder that is not there is an error in the target', async () => {
    expect(await rejection(treeDigest('/nonexistent'))).toMatchObject({ code: 'E_SOURCE', hint: 'correct source.path in the target' })
  })
})

describe('resolving Debian\'s Jool', () => {
  const spec: SourceSpec = { provider: 'debian', suite: 'trixie' }
  const files = [sampleFile('jool_4.1.13.orig.tar.gz'), sampleFile('jool_4.1.13-1.1.dsc')]
  const archive: FakeArchive = {
    packages: [samplePackage('jool-dkms', '4.1.13-1.1', 'all'), samplePackage('jool-tools', '4.1.13-1.1')],
    records: { 'jool-tools=4.1.13-1.1': { Depends: 'libc6 (>= 2.34),\n libnl-3-200 (>= 3.2.7)' } },
    sources: { 'jool 4.1.13-1.1': files },
  }

  test('locks modules, tools, what the tools depend on, and the source package', async () => {
    const { deps, opened } = fakeDeps(archive, { fetch: (wanted) => Promise.resolve(wanted.map(() => '/x')) })
    expect(await resolve({ target, spec, before: {} }, deps)).toEqual({
      provider: 'debian', joolVersion: '4.1.13', debianVersion: '4.1.13-1.1', dkms: archive.packages?.[0], tools: archive.packages?.[1],
      toolsDepends: ['libc6 (>= 2.34)', 'libnl-3-200 (>= 3.2.7)'], reference: { sourcePackage: 'jool', version: '4.1.13-1.1', files, included: true },
    })
    expect(opened).toEqual([['trixie', 'amd64', { sources: true }]])
  })

  test.each(['E_VANISHED', 'E_DOWNLOAD'] as const)('goes on without the source package where the mirror lists but does not serve it (%s), and says so', async (code) => {
    const events: LogEvent[] = []
    const { deps } = fakeDeps(archive, { fetch: () => Promise.reject(new ForgeError(code, '404')), log: createLog((event) => events.push(event)) })
    expect(await resolve({ target, spec, before: {} }, deps)).toMatchObject({ reference: { files, included: false } })
    expect(events).toEqual([{ kind: 'warning', stage: undefined, text: expect.stringContaining('jool 4.1.13-1.1') }])
  })

  test('does not go on when a source file is a forgery', async () => {
    const { deps } = fakeDeps(archive, { fetch: () => Promise.reject(new ForgeError('E_DIGEST', 'altered')) })
    expect(await rejection(resolve({ target, spec, before: {} }, deps))).toMatchObject({ code: 'E_DIGEST' })
  })

  test('refuses modules and tools of two versions', async () => {
    const { deps } = fakeDeps({ ...archive, packages: [samplePackage('jool-dkms', '4.1.13-1.1'), samplePackage('jool-tools', '4.1.14-1')] })
    expect(await rejection(resolve({ target, spec, before: {} }, deps))).toMatchObject({ code: 'E_RESOLVE', message: 'jool-dkms is 4.1.13-1.1 and jool-tools is 4.1.14-1; modules and tools must be of one version' })
  })

  test('asks for an exact version when one is given', async () => {
    const { deps, asked } = fakeDeps(archive, { fetch: () => Promise.resolve([]) })
    await resolve({ target, spec: { ...spec, version: '4.1.13-1.1' }, before: {} }, deps)
    expect(asked).toContainEqual(['exactly', 'jool-dkms=4.1.13-1.1', 'jool-tools=4.1.13-1.1'])
  })
})

test('resolving a tarball locks its name, digest and signature; paths are relative to the target', async () => {
  const dir = await temporaryFolder()
  await writeFile(join(dir, 'jool.asc'), 'signature')
  await writeFile(join(dir, 'keys.gpg'), 'keys')
  const { deps, opened } = fakeDeps({}, { targetDir: dir })
  const spec: SourceSpec = { provider: 'upstream', version: '4.1.14', url: 'https://upstream.example/dl/jool-4.1.14.tar.gz?x=1', sizeBytes: 9, sha256: 'ab'.repeat(32), signature: { file: 'jool.asc', keyring: 'keys.gpg' } }
  const tarball = { fileName: 'jool-4.1.14.tar.gz', sizeBytes: 9, sha256: 'ab'.repeat(32), from: { url: spec.url } }
  expect(await resolve({ target, spec, before: {} }, deps)).toEqual({ provider: 'upstream', joolVersion: '4.1.14', tarball, signature: { file: join(dir, 'jool.asc'), keyring: join(dir, 'keys.gpg'), sha256: sha256Of('signature'), keyringSha256: sha256Of('keys') } })
  const { signature: _, ...unsigned } = spec
  expect(await resolve({ target, spec: unsigned, before: {} }, deps)).toEqual({ provider: 'upstream', joolVersion: '4.1.14', tarball })
  expect(opened).toEqual([])
})

test('resolving a checkout locks its digest and its version', async () => {
  const dir = await tree()
  const { deps } = fakeDeps({}, { targetDir: join(dir, '..') })
  expect(await resolve({ target, spec: { provider: 'directory', path: 'jool' }, before: {} }, deps)).toEqual({ provider: 'directory', joolVersion: '4.1.13', path: dir, treeSha256: await treeDigest(dir) })
})

test('a target without a source section gets Debian\'s newest Jool of trixie', () => {
  expect(sourceSpec.parse(undefined)).toEqual({ provider: 'debian', suite: 'trixie' })
})

test('the key of a checkout or a tarball does not know where it lies', () => {
  const digest = 'a'.repeat(64) as Sha256
  const checkout = (path: string): unknown => keyOf({ joolVersion: joolVersion('4.1.15'), tools: 'compiled', locked: { provider: 'directory', joolVersion: '4.1.15', path, treeSha256: digest } })
  expect(checkout('/here/jool')).toEqual(checkout('/elsewhere/jool'))
  const tarball = (url: string): unknown => keyOf({ joolVersion: joolVersion('4.1.15'), tools: 'compiled', locked: { provider: 'upstream', joolVersion: '4.1.15', tarball: { fileName: 'jool.tar.gz', sizeBytes: 1, sha256: digest, from: { url } } } })
  expect(tarball('https://one.example/jool.tar.gz')).toEqual(tarball('file:///two/jool.tar.gz'))
  expect(JSON.stringify(tarball('file:///two/jool.tar.gz'))).toContain(digest)
})
