import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inspect, openRouterImage, systemOf } from '../../../../images/inspect/artifact.ts'
import { folderRoot } from '../../../../images/inspect/folder-root.ts'
import { kernelsIn } from '../../../../images/inspect/kernel.ts'
import { unpackModules } from '../../../../images/inspect/module-files.ts'
import { createExec } from '../../../../scripts/lib/exec.ts'
import { silentLog } from '../../../../scripts/lib/log.ts'
import { elfObject } from '../../../support/elf-object.ts'
import { rejection } from '../../../support/rejection.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

const exec = createExec({ log: silentLog })

async function root(files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const dir = await temporaryFolder()
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(dir, path, '..'), { recursive: true })
    await writeFile(join(dir, path), content)
  }
  return dir
}

describe('a root file system', () => {
  test('is read through its own links, which lead nowhere but inside', async () => {
    const dir = await root({ 'usr/lib/os-release': 'ID=debian\n', 'etc/real/passwd': 'inside\n', 'a/b/c': 'deep\n' })
    await symlink('../usr/lib/os-release', join(dir, 'etc/os-release'))
    await symlink('/etc/real', join(dir, 'absolute'))
    await symlink('../../../../../../../etc/real/passwd', join(dir, 'climbing'))
    await symlink('loop', join(dir, 'loop'))
    const image = folderRoot(dir)
    expect((await image.readFiles(['etc/os-release', '/absolute/passwd', 'climbing', 'loop', 'a/b/c/d', 'a/../a//b/./c', 'nothing', 'a'])).map((bytes) => bytes?.toString()))
      .toEqual(['ID=debian\n', 'inside\n', 'inside\n', undefined, undefined, 'deep\n', undefined, undefined])
    expect(await image.list('etc')).toEqual([{ name: 'os-release', kind: 'symlink', sizeBytes: 0, target: '../usr/lib/os-release' }, { name: 'real', kind: 'directory', sizeBytes: 0 }])
    expect(await image.list('a/b/c')).toBeUndefined()
    expect(await image.stat('etc/os-release')).toEqual({ name: 'os-release', kind: 'file', sizeBytes: 10 })
    expect(await rejection(image.readFile('a/b/c', { maxBytes: 4 }))).toMatchObject({ code: 'E_IMAGE', message: `${dir}: a/b/c has 5 bytes, more than the 4 that are plausible` })
  })

  test('has no image of a kernel where a link to it leads nowhere', async () => {
    const dir = await root({ 'etc/x': '', 'boot/vmlinuz-6.1.1': 'x' })
    await symlink('../gone', join(dir, 'boot/vmlinuz-6.1.2'))
    await using image = await openRouterImage(dir, { exec })
    expect((await kernelsIn(image)).map(({ release, imageFile }) => [release, imageFile])).toEqual([['6.1.1', 'boot/vmlinuz-6.1.1']])
  })

  test('says its suite, its VyOS version and its packages', async () => {
    const dir = await root({
      'etc/os-release': 'PRETTY_NAME="VyOS 1.4.0 (sagitta)"\nID=vyos\nVERSION_CODENAME=sagitta\n', 'etc/debian_version': '12.5\n', 'usr/share/vyos/version.json': '{"version": "1.4.0"}',
      'var/lib/dpkg/status': 'Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.21\n\nPackage: jool\nStatus: install ok installed\nArchitecture: amd64\nVersion: 4.1.9+git-1\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n',
    })
    await using image = await openRouterImage(dir, { exec })
    expect(await systemOf(image)).toEqual({
      id: 'vyos', name: 'VyOS 1.4.0 (sagitta)', suite: 'bookworm', vyosVersion: '1.4.0', architecture: 'amd64',
      packages: [{ name: 'dpkg', version: '1.21', architecture: 'amd64' }, { name: 'jool', version: '4.1.9+git-1', architecture: 'amd64' }],
    })
  })

  test('may have names that are not UTF-8, and a damaged module', async () => {
    const dir = await root({ 'etc/hostname': 'x\n', 'lib/modules/6.1.0/kernel/fs/fat.ko': 'damaged', 'lib/modules/6.1.0/kernel/net/nf_defrag_ipv4.ko': elfObject({ info: ['name=nf_defrag_ipv4', 'license=GPL', 'vermagic=6.1.0 SMP '] }) })
    const below = Buffer.from(join(dir, 'lib/modules/6.1.0/'))
    await mkdir(Buffer.concat([below, Buffer.from([0xff])]))
    await writeFile(Buffer.concat([below, Buffer.from([0xfe]), Buffer.from('.ko')]), 'x')
    await using image = await openRouterImage(dir, { exec })
    const report = await inspect(image)
    expect(report.kernels).toMatchObject([{ release: '6.1.0', vermagic: null, modules: { count: 2, signer: null } }])
  })

  test('with more in its files than any router has is refused before it is read', async () => {
    const dir = await root({ 'etc/hostname': 'x\n' })
    for (const name of ['a', 'b', 'c']) {
      await mkdir(join(dir, 'lib/modules/6.1.0', name), { recursive: true })
      await writeFile(join(dir, 'lib/modules/6.1.0', name, 'jool.ko'), '')
      await truncate(join(dir, 'lib/modules/6.1.0', name, 'jool.ko'), 100 * 1048576)
    }
    await using image = await openRouterImage(dir, { exec })
    expect(await rejection(inspect(image))).toMatchObject({ code: 'E_IMAGE', message: `${dir}: lib/modules/6.1.0/a/jool.ko and 2 more files have 314572800 bytes, more than the 268435456 that are plausible` })
  })

  test('without a kernel is told so, row by row', async () => {
    await using image = await openRouterImage(await root({ 'etc/hostname': 'x\n' }), { exec })
    const report = await inspect(image)
    expect(report.kernels).toEqual([])
    expect(new Set(report.engines.map(({ why }) => why))).toEqual(new Set(['the image has no kernel']))
    expect(report).toMatchObject({ iso: null, squashfs: null, jool: null, system: { id: null, suite: null, packages: null } })
  })

  test('with modules and a configuration, and no kernel image, still tells what it can', async () => {
    const vermagic = '6.6.54-vyos SMP mod_unload modversions '
    const dir = await root({
      'etc/hostname': 'x\n', 'boot/config-6.6.54-vyos': 'CONFIG_MODULES=y\nCONFIG_MODVERSIONS=y\nCONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_FORCE=y\n',
      'lib/modules/6.6.54-vyos/kernel/net/nf_defrag_ipv4.ko': elfObject({ info: ['name=nf_defrag_ipv4', 'license=GPL', `vermagic=${vermagic}`], versions: { kfree: 7 } }),
    })
    const given = join(dir, 'jool.ko')
    await writeFile(given, elfObject({ info: ['name=jool', 'license=GPL', `vermagic=${vermagic}`], versions: { kfree: 8 }, symbols: [{ name: 'kfree' }] }))
    await using image = await openRouterImage(dir, { exec })
    const report = await inspect(image, { modules: [given] })
    expect(report.kernels).toMatchObject([{ release: '6.6.54-vyos', boots: true, imageFile: null, signing: 'forced', vermagic, exports: null, certificates: null, modules: { count: 1, compression: 'none', signer: null } }])
    expect(report.modules[0]?.problems.map(({ check, message }) => `${check}: ${message}`)).toEqual([
      'signature: it is not signed, and which the kernel trusts could not be read; this kernel loads only modules that it can verify',
      'crc: it was built against another kernel: 1 of 1 CRCs differ: kfree 0x00000008, lib/modules/6.6.54-vyos/kernel/net/nf_defrag_ipv4.ko has 0x00000007',
    ])
  })
})

test('a package\'s worth of modules is judged in time that grows as their number does', async () => {
  const dir = await root({ 'etc/hostname': 'x\n', 'lib/modules/6.1.0/kernel/x.ko': elfObject({ info: ['name=x', 'license=GPL', 'vermagic=6.1.0 SMP '] }) })
  const given = Array.from({ length: 1500 }, (_unused, index) => join(dir, `m${String(index)}.ko`))
  const bytes = elfObject({ info: ['name=m', 'license=GPL', 'vermagic=6.1.0 SMP '], symbols: [{ name: 'kfree' }] })
  for (const path of given) await writeFile(path, bytes)
  await using image = await openRouterImage(dir, { exec })
  expect((await inspect(image, { modules: given })).modules.filter(({ loads }) => loads)).toHaveLength(1500)
}, 10_000)

test('packed modules are refused together when they would unpack to more than there is memory for', async () => {
  // The header of a frame of 120 MiB, one segment; nothing behind it, since nothing is to be unpacked.
  const bytes = Buffer.from('28b52ffda000008007', 'hex')
  const modules = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ file: { path: `${name}.ko.zst`, name, compression: 'zstd' } as const, bytes }))
  const never = (): Promise<never> => Promise.reject(new Error('a program was called'))
  expect(await rejection(unpackModules(modules, { exec: never, workDir: '/nonexistent' }))).toMatchObject({
    code: 'E_ELF', message: 'e.ko.zst and the modules before it would unpack to more than 536870912 bytes',
  })
})

test.each<[string, (dir: string) => string, string, string]>([
  ['nothing', (dir) => join(dir, 'nothing'), 'E_IMAGE', 'cannot be read: there is no such file'],
  ['an empty folder', (dir) => join(dir, 'empty'), 'E_IMAGE', 'is a folder without `etc`, so it is no root file system'],
  ['a text', (dir) => join(dir, 'text'), 'E_IMAGE', 'is neither an ISO nor a squashfs'],
])('%s is not an image', async (_what, path, code, message) => {
  const dir = await root({ text: 'hello\n', 'empty/x': '' })
  expect(await rejection(openRouterImage(path(dir), { exec }))).toMatchObject({ code, message: `${path(dir)} ${message}` })
})
