import { chmod, mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { bootedKernel, collectImageCrcs, inspect, openRouterImage, readKernelImage, type InspectReport } from '../../images/inspect/artifact.ts'
import { isoKernel } from '../../images/inspect/kernel.ts'
import { createExec, type Argv } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { cli, program, start } from '../support/cli.ts'
import { elfObject, type ObjectParts } from '../support/elf-object.ts'
import { bzImage, vmlinuxFile, withSize } from '../support/kernel-image.ts'
import { rejection } from '../support/rejection.ts'
import { certificateList, keyPair, signedModule, type KeyPair } from '../support/signed-module.ts'
import { squashfsImage } from '../support/squashfs-image.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const release = '6.6.54-vyos'
const vermagic = `${release} SMP preempt mod_unload modversions `
const config = ['MODULES', 'MODVERSIONS', 'MODULE_SIG', 'MODULE_SIG_FORCE', 'NETFILTER', 'NETFILTER_XTABLES', 'NF_DEFRAG_IPV4', 'NF_DEFRAG_IPV6', 'IPV6', 'NET_NS', 'VETH', 'TUN', 'NFT_COMPAT', 'CRYPTO_SHA256', 'CRYPTO_SHA512'].map((name) => `CONFIG_${name}=y\n`).join('') + 'CONFIG_MODULE_SIG_HASH="sha512"\n'

async function write(dir: string, files: Readonly<Record<string, string | Buffer>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(dir, path, '..'), { recursive: true })
    await writeFile(join(dir, path), content)
  }
}

const module = (name: string, more: ObjectParts = {}): Buffer => elfObject({ ...more, info: [`name=${name}`, 'license=GPL', 'version=4.1.9.0', 'depends=nf_defrag_ipv4', `vermagic=${vermagic}`] })
const joolParts: ObjectParts = { versions: { module_layout: 3, kfree: 1, nf_defrag_ipv4_enable: 5 }, symbols: [{ name: 'kfree' }, { name: 'nf_defrag_ipv4_enable' }] }
const defrag = module('nf_defrag_ipv4', {
  versions: { module_layout: 3, kfree: 1 }, sections: [{ name: '__ksymtab_gpl', data: Buffer.alloc(12) }, { name: '__kcrctab_gpl', data: Buffer.from('05000000', 'hex') }],
  symbols: [{ name: '__ksymtab_nf_defrag_ipv4_enable', section: 6 }, { name: '__crc_nf_defrag_ipv4_enable', section: 7 }],
})

/** A kernel that trusts the certificates, packed by a program as a kernel's build does. */
async function kernel(dir: string, pack: Argv | undefined, certificates: readonly Buffer[] = []): Promise<Buffer> {
  const rodata = Buffer.concat([certificateList(certificates), Buffer.from(`\0${vermagic}\0`), Buffer.alloc(100_000, 'kernel ')])
  const vmlinux = vmlinuxFile({ exports: { kfree: 1, module_layout: 3 }, gplExports: { nf_register_net_hook: 2 }, rodata })
  const file = join(dir, 'vmlinux.bin')
  await writeFile(file, vmlinux)
  if (!pack) return bzImage(gzipSync(vmlinux), { release })
  const packed = join(dir, 'vmlinux.packed')
  await exec([...pack, file] as unknown as Argv, { stdoutFile: packed })
  return bzImage(withSize(await readFile(packed), vmlinux.length), { release })
}

/** A root file system like VyOS's, as small as can be. */
async function vyosRoot(dir: string, own: KeyPair, kernelConfig = config): Promise<string> {
  const root = join(dir, 'root')
  await write(root, {
    'etc/os-release': 'PRETTY_NAME="VyOS 1.5 (circinus)"\nID=vyos\n', 'etc/debian_version': '12.5\n', 'usr/share/vyos/version.json': '{"version": "1.5-rolling"}',
    'var/lib/dpkg/status': 'Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.21\n\nPackage: jool\nStatus: install ok installed\nArchitecture: amd64\nVersion: 4.1.9+git-1\n',
    [`boot/config-${release}`]: kernelConfig, 'usr/bin/jool': '#!/bin/sh\n',
    [`usr/lib/modules/${release}/kernel/net/nf_defrag_ipv4.ko`]: await signedModule(exec, dir, defrag, own),
    [`usr/lib/modules/${release}/updates/jool_common.ko`]: await signedModule(exec, dir, module('jool_common', joolParts), own),
    [`usr/lib/modules/${release}/updates/jool.ko`]: await signedModule(exec, dir, module('jool', joolParts), own),
  })
  await exec(['ln', '-s', 'usr/lib', join(root, 'lib')])
  return root
}

const squash = async (root: string, file: string, ...options: string[]): Promise<void> => { await exec(['mksquashfs', root, file, '-noappend', '-no-progress', '-quiet', ...options] as unknown as Argv) }
const makeIso = async (tree: string, file: string): Promise<void> => { await exec(['xorriso', '-as', 'mkisofs', '-quiet', '-o', file, '-V', 'VYOS', '-r', '-J', '-joliet-long', tree]) }

describe.skipIf(!needsTools('mksquashfs', 'xorriso', 'xz', 'zstd', 'openssl'))('an ISO like VyOS\'s', () => {
  async function vyosIso(dir: string, { files = {}, kernelConfig = config }: { files?: Readonly<Record<string, string>>; kernelConfig?: string } = {}): Promise<{ iso: string; own: KeyPair }> {
    const own = await keyPair(exec, dir, 'VyOS build')
    const root = await vyosRoot(dir, own, kernelConfig)
    const tree = join(dir, 'tree')
    await write(tree, { ...files, 'live/vmlinuz': await kernel(dir, ['xz', '--stdout', '--check=crc32', '--x86', '--lzma2=dict=1MiB'], [own.der]), 'live/initrd.img': 'initrd', 'sha256sum.txt': `${'0'.repeat(64)}  ./live/filesystem.squashfs\n${'0'.repeat(64)}  ./live/vmlinuz\n` })
    await squash(root, join(tree, 'live/filesystem.squashfs'), '-comp', 'xz', '-Xbcj', 'x86', '-b', '256k', '-always-use-fragments', '-no-recovery')
    const iso = join(dir, 'vyos.iso')
    await makeIso(tree, iso)
    return { iso, own }
  }

  test('tells everything, and judges modules as the kernel would', async () => {
    const dir = await temporaryFolder()
    const { iso, own } = await vyosIso(dir)
    const other = await keyPair(exec, dir, 'somebody')
    const plain = module('jool_siit', joolParts)
    const good = await signedModule(exec, dir, plain, own)
    const changed = Buffer.from(good)
    changed[100] = changed[100]! ^ 1
    const given = { 'good.ko': good, 'unsigned.ko': plain, 'other-key.ko': await signedModule(exec, dir, plain, other), 'changed.ko': changed, 'crc.ko': await signedModule(exec, dir, module('jool_siit', { ...joolParts, versions: { module_layout: 3, kfree: 2, nf_defrag_ipv4_enable: 6 } }), own) }
    await write(dir, given)
    await exec(['xz', '--keep', '--check=crc32', join(dir, 'good.ko')])
    await exec(['zstd', '-q', join(dir, 'unsigned.ko'), '-o', join(dir, 'unsigned.ko.zst')])
    // As other programs write them: without a size, and in two pieces.
    await exec(['sh', '-c', 'cat good.ko | zstd -q > stream.ko.zst; head -c 100 good.ko | xz --check=crc32 > two.ko.xz; tail -c +101 good.ko | xz --check=crc32 >> two.ko.xz'], { cwd: dir })
    const names = [...Object.keys(given), 'good.ko.xz', 'unsigned.ko.zst', 'stream.ko.zst', 'two.ko.xz']

    await using image = await openRouterImage(iso, { exec })
    const report = await inspect(image, { modules: names.map((name) => join(dir, name)) })
    expect(report.iso).toMatchObject({ volumeId: 'VYOS', squashfs: 'live/filesystem.squashfs', boot: [], checksumFile: { path: 'sha256sum.txt', algorithm: 'sha256', entries: 2, coversSquashfs: true } })
    expect(report.squashfs).toMatchObject({ compressor: 'xz', blockSizeBytes: 262144 })
    expect(report.squashfs?.compressorOptions).toContain('-Xbcj x86')
    expect(report.squashfs?.flags).toContain('always-use-fragments')
    expect(report.system).toEqual({ id: 'vyos', name: 'VyOS 1.5 (circinus)', suite: 'bookworm', vyosVersion: '1.5-rolling', architecture: 'amd64', packages: 2 })
    expect(report.kernels).toMatchObject([{
      release, boots: true, imageFile: 'live/vmlinuz', imageCompression: 'xz', architecture: 'amd64', vermagic, signing: 'forced', signingForcedBy: 'CONFIG_MODULE_SIG_FORCE', signatureHash: 'sha512', exports: 3,
      certificates: [{ subject: 'VyOS build' }], modules: { count: 3, compression: 'none', signer: 'VyOS build', signatureValid: true }, config: { MODULE_SIG_FORCE: 'y', MODULE_SIG_HASH: 'sha512', TRIM_UNUSED_KSYMS: 'n' },
    }])
    expect(report.jool).toMatchObject({ package: { name: 'jool', version: '4.1.9+git-1' }, tools: ['usr/bin/jool'], modules: [{ name: 'jool', version: '4.1.9.0', loads: true }, { name: 'jool_common', loads: true }] })
    expect(report.engines.slice(0, 4).map(({ engine, mode, works }) => `${engine}/${mode}: ${works}`)).toEqual(['Jool NAT64/netfilter: now', 'Jool NAT64/iptables: no', 'Jool NAT64/own namespace: now', 'Jool SIIT/netfilter: no'])
    expect(report.modules.map(({ file, loads, problems }) => `${file.slice(dir.length + 1)}: ${loads ? 'loads' : problems.map(({ check }) => check).join(' ')}`)).toEqual([
      'good.ko: loads', 'unsigned.ko: signature', 'other-key.ko: signature', 'changed.ko: signature', 'crc.ko: crc', 'good.ko.xz: loads', 'unsigned.ko.zst: signature', 'stream.ko.zst: loads', 'two.ko.xz: loads',
    ])
    expect(report.modules.slice(1, 5).map(({ problems }) => problems[0]?.message)).toEqual([
      expect.stringMatching(/^it is not signed, and the kernel trusts "VyOS build" \(key [0-9a-f]+\); this kernel loads only modules that it can verify$/) as string,
      expect.stringMatching(/^it is signed by "somebody" \(key [0-9a-f]+\), and the kernel trusts "VyOS build" \(key [0-9a-f]+\); this kernel loads only modules that it can verify$/) as string,
      'it names the key of "VyOS build", and that key did not sign these bytes: the module was changed after signing',
      'it was built against another kernel: 2 of 3 CRCs differ: kfree 0x00000002, live/vmlinuz has 0x00000001, nf_defrag_ipv4_enable 0x00000006, usr/lib/modules/6.6.54-vyos/kernel/net/nf_defrag_ipv4.ko has 0x00000005'.replace('usr/lib', 'lib'),
    ])
    expect(report.modules[0]).toMatchObject({ crcsChecked: 3, signature: { signer: 'VyOS build', hash: 'sha512', valid: true } })
  })

  test('is told of although a module in it is cut, packed or not; a given one that is cut is named', async () => {
    const dir = await temporaryFolder()
    const own = await keyPair(exec, dir, 'VyOS build')
    const root = await vyosRoot(dir, own)
    await write(root, { [`boot/vmlinuz-${release}`]: await kernel(dir, undefined, [own.der]), [`usr/lib/modules/${release}/kernel/net/a.ko`]: module('a').subarray(0, 300) })
    await write(dir, { 'b.ko': module('b'), 'good.ko': await signedModule(exec, dir, module('jool_siit', joolParts), own) })
    await exec(['sh', '-c', 'xz --check=crc32 b.ko; head -c 100 b.ko.xz > "$0"', join(root, `usr/lib/modules/${release}/kernel/net/b.ko.xz`)], { cwd: dir })
    await using image = await openRouterImage(root, { exec })
    expect(await inspect(image, { modules: [join(dir, 'good.ko')] })).toMatchObject({ kernels: [{ release, signing: 'forced', modules: { count: 5 } }], modules: [{ loads: true }] })
    await exec(['sh', '-c', 'head -c 100 b.ko.xz > cut.ko.xz'], { cwd: dir })
    expect(await rejection(inspect(image, { modules: [join(dir, 'good.ko'), join(dir, 'cut.ko.xz')] }))).toMatchObject({ code: 'E_ELF', message: expect.stringContaining('cut.ko.xz') as string })
  })

  test('with a kernel of nothing but certificates is refused before it keeps anybody busy', async () => {
    const dir = await temporaryFolder()
    const own = await keyPair(exec, dir, 'VyOS build')
    const root = await vyosRoot(dir, own)
    await write(root, { [`boot/vmlinuz-${release}`]: await kernel(dir, undefined, Array<Buffer>(20_000).fill(own.der)) })
    await using image = await openRouterImage(root, { exec })
    expect(await rejection(inspect(image))).toMatchObject({ code: 'E_KERNEL_IMAGE', message: expect.stringContaining('it has more than 500 certificates, or places that look like one') as string })
  }, 20_000)

  test('may ask for signatures in its boot menu only', async () => {
    const dir = await temporaryFolder()
    const kernelConfig = config.replace('CONFIG_MODULE_SIG_FORCE=y\n', '')
    const append = (more: string): Record<string, string> => ({ 'isolinux/live.cfg': `label live\n  linux /live/vmlinuz\n  append boot=live${more}\n` })
    await write(dir, { 'jool.ko': module('jool', joolParts) })
    for (const [name, more, works] of [['free', '', true], ['forced', ' module.sig_enforce=1', false]] as const) {
      await mkdir(join(dir, name))
      const { iso } = await vyosIso(join(dir, name), { files: append(more), kernelConfig })
      await using image = await openRouterImage(iso, { exec })
      const report = await inspect(image, { modules: [join(dir, 'jool.ko')] })
      expect(report.iso?.commandLines).toEqual([`boot=live${more}`])
      expect(report.kernels[0]).toMatchObject(works ? { signing: 'any', signingForcedBy: null } : { signing: 'forced', signingForcedBy: 'module.sig_enforce=1' })
      expect([name, report.modules[0]?.loads]).toEqual([name, works])
    }
  })

  test('is a report on standard output, and a refused module is the exit status', async () => {
    const dir = await temporaryFolder()
    const { iso } = await vyosIso(dir)
    await write(dir, { 'jool.ko': module('jool', joolParts), 'notes.txt': 'x', 'empty.ko': '' })
    const tmp = join(dir, 'tmp')
    await mkdir(tmp)
    const run = (...words: string[]): ReturnType<typeof cli> => cli(['inspect', ...words], { cwd: dir, env: { TMPDIR: tmp } })
    const json = await run(iso, '--json')
    expect(json).toMatchObject({ status: 0, stderr: '' })
    expect((JSON.parse(json.stdout) as InspectReport).kernels[0]?.release).toBe(release)
    const text = await run(iso)
    expect(text.stdout).toContain('loads signed modules only (sha512)')
    expect(text.stdout).toMatch(/^Jool NAT64 {2}netfilter {6}now {7}Jool 4\.1\.9 is in the image, and its modules load$/m)
    const refused = await run(iso, '--modules', 'jool.ko', 'empty.ko')
    expect(refused.status).toBe(65)
    expect(refused.stdout).toContain('jool.ko: refused (version 4.1.9.0, 3 CRCs compared, not signed)')
    expect(refused.stderr).toContain('nat64-forge: E_MODULE_SIGNATURE: 2 of 2 modules would be refused: jool.ko, empty.ko')
    expect(await run(iso, '--modules', 'notes.txt')).toMatchObject({ status: 64, stdout: '' })
    expect(await run(iso, '--modules', 'missing.ko')).toMatchObject({ status: 64, stdout: '' })
    await write(dir, { 'cut.deb': '!<arch>\ndebian-binary' })
    expect((await run(iso, '--modules', 'cut.deb')).stderr).toContain('nat64-forge: E_DEB: ')
    // Waiting for somebody to write into it would have no end.
    await exec(['mkfifo', join(dir, 'pipe.ko'), join(dir, 'pipe.deb')])
    for (const pipe of ['pipe.ko', 'pipe.deb']) expect((await run(iso, '--modules', pipe)).stderr).toContain(`E_USAGE: ${pipe} is not a file`)
    expect((await run()).status).toBe(64)
    const full = await exec(['bash', '-c', '"$@" > /dev/full', 'bash', process.execPath, program, 'inspect', iso], { env: { TMPDIR: tmp }, okStatus: [69] })
    expect(full.stderr).toContain('nat64-forge: E_DISK_FULL')
    expect((await run('--help')).stdout).toContain('nat64-forge inspect [options] <image>')
    expect((await run('notes.txt')).stderr).toContain('E_IMAGE: notes.txt is neither an ISO nor a squashfs')
    await truncate(iso, 100_000)
    expect((await run(iso)).stderr).toContain('E_IMAGE_TRUNCATED')
    // tsx keeps what it has translated there.
    expect((await readdir(tmp)).filter((name) => !name.startsWith('tsx-'))).toEqual([])
  }, 120_000)
})

// As somebody else than root, who may read everything.
describe.skipIf(!needsTools('setpriv'))('what this user may not read', () => {
  test.each<[string, string, string]>([
    ['an image', 'x.iso', 'x.iso cannot be read'], ['a folder of a root', 'root/lib/modules/6.1.0', 'root/lib/modules/6.1.0 cannot be read: this user may not'], ['a file of a root', 'root/etc/debian_version', 'root/etc/debian_version cannot be read: this user may not'],
  ])('%s is said to be that', async (_what, forbidden, message) => {
    const dir = await temporaryFolder()
    await chmod(dir, 0o755)
    await write(dir, { 'x.iso': 'x', 'root/etc/debian_version': '12.5\n', 'root/lib/modules/6.1.0/kernel/x.ko': 'x' })
    const tmp = join(dir, 'tmp')
    await mkdir(tmp)
    await chmod(tmp, 0o777)
    await chmod(join(dir, forbidden), 0)
    const asNobody = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : []
    const ended = await start([...asNobody, process.execPath, program, 'inspect', join(dir, forbidden.split('/')[0] ?? '')] as unknown as Argv, { env: { TMPDIR: tmp } }).ended
    expect(ended).toMatchObject({ status: 65, stdout: '' })
    expect(ended.stderr).toContain(`nat64-forge: E_IMAGE: ${dir}/${message}\n`)
  })
})

describe.skipIf(!needsTools('xorriso', 'mksquashfs'))('an ISO', () => {
  const isoOf = async (dir: string, files: Readonly<Record<string, Buffer | string>>): Promise<string> => {
    await write(join(dir, 'tree'), files)
    await makeIso(join(dir, 'tree'), join(dir, 'x.iso'))
    return join(dir, 'x.iso')
  }
  const unknown = squashfsImage({ superblock: (bytes) => { bytes.writeUInt16LE(7, 20) } }).bytes
  const hostile = squashfsImage({ superblock: (bytes) => { bytes.writeBigUInt64LE(1n << 50n, 72) } }).bytes

  test.each<[string, Readonly<Record<string, Buffer | string>>, string, RegExp]>([
    ['without a squashfs', { 'live/vmlinuz': 'x', 'README': 'y' }, 'E_IMAGE_NO_ROOT', /x\.iso is an ISO without a squashfs: none of its 3 files is one$/],
    ['with two', { 'live/filesystem.squashfs': unknown, 'live/extra.squashfs': unknown }, 'E_IMAGE_MANY_ROOTS', /x\.iso has 2 squashfs files: live\/extra\.squashfs, live\/filesystem\.squashfs$/],
    ['with an unknown compressor', { 'live/filesystem.squashfs': unknown }, 'E_SQUASHFS_COMPRESSOR', /x\.iso:live\/filesystem\.squashfs is compressed by method 7,/],
    ['with hostile sizes', { 'live/filesystem.squashfs': hostile }, 'E_SQUASHFS', /x\.iso:live\/filesystem\.squashfs: its directory table lies outside of it, at 1125899906842624 \(byte 72\)$/],
    ['with something else under that name', { 'live/filesystem.squashfs': 'x'.repeat(5000) }, 'E_SQUASHFS', /does not start like a squashfs \(byte 0\)$/],
    ['with a squashfs that ends early', { 'live/filesystem.squashfs': squashfsImage().bytes.subarray(0, 200) }, 'E_IMAGE_TRUNCATED', /x\.iso:live\/filesystem\.squashfs is cut off: it has 200 of 265 bytes$/],
  ])('%s has a code of its own', async (_what, files, code, message) => {
    const dir = await temporaryFolder()
    const iso = await isoOf(dir, files)
    const error = await rejection(async () => {
      await using image = await openRouterImage(iso, { exec })
      return await inspect(image)
    })
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
    expect(error.hint).toBeDefined()
  })

  test('with two says how to take the right one out, in words that can be pasted', async () => {
    const dir = join(await temporaryFolder(), 'it\'s here')
    const iso = await isoOf(dir, { 'a.squashfs': unknown, 'live/filesystem.squashfs': unknown })
    const { hint = '' } = await rejection(openRouterImage(iso, { exec }))
    const command = hint.slice(hint.indexOf('xorriso'))
    await exec(['bash', '-c', command], { cwd: dir })
    expect(await readFile(join(dir, 'root.squashfs'))).toEqual(unknown)
    expect(command).toContain('-extract /live/filesystem.squashfs')
  })

  test.skipIf(!needsTools('mformat', 'mmd', 'mcopy'))('whose EFI partition has shim says so, whatever its own name is', async () => {
    const dir = await temporaryFolder()
    await write(dir, { 'tree/live/filesystem.squashfs': squashfsImage().bytes, 'BOOTX64.EFI': 'MZ… UEFI SHIM\n$Version: 15.8' })
    const fat = join(dir, 'tree/efi.img')
    await exec(['mformat', '-C', '-i', fat, '-f', '1440', '::'])
    await exec(['mmd', '-i', fat, '::/EFI', '::/EFI/BOOT'])
    await exec(['mcopy', '-i', fat, join(dir, 'BOOTX64.EFI'), '::/EFI/BOOT/BOOTX64.EFI'])
    const iso = join(dir, 'a@@b c.iso')
    await exec(['xorriso', '-as', 'mkisofs', '-quiet', '-o', iso, '-r', '-e', 'efi.img', '-no-emul-boot', join(dir, 'tree')])
    await using image = await openRouterImage(iso, { exec })
    expect((await inspect(image)).iso).toMatchObject({ boot: [{ platform: 'uefi', bootable: true, path: 'efi.img' }], secureBoot: { shim: true, signer: null } })
  })

  test('with several kernels is judged by the one that its menu starts; a link to the squashfs is not a second one', async () => {
    const dir = await temporaryFolder()
    await write(join(dir, 'tree'), { 'live/filesystem.squashfs': squashfsImage().bytes, 'live/vmlinuz-1': 'one', 'live/vmlinuz-2': 'two', 'isolinux/live.cfg': 'label live\n  kernel /live/vmlinuz-2\n' })
    await symlink('filesystem.squashfs', join(dir, 'tree/live/old.squashfs'))
    await symlink('vmlinuz-1', join(dir, 'tree/live/vmlinuz'))
    const iso = join(dir, 'x.iso')
    await makeIso(join(dir, 'tree'), iso)
    await using image = await openRouterImage(iso, { exec })
    expect((await isoKernel(image))?.path).toBe('live/vmlinuz-2')
  })

  test('cut off in the middle has a code of its own', async () => {
    const dir = await temporaryFolder()
    const iso = await isoOf(dir, { 'live/filesystem.squashfs': Buffer.alloc(1_000_000) })
    await truncate(iso, 700_000)
    expect(await rejection(openRouterImage(iso, { exec }))).toMatchObject({ code: 'E_IMAGE_TRUNCATED', message: expect.stringMatching(/x\.iso is cut off: it has 700000 of \d+ bytes$/) as string })
  })
})

describe('a kernel image', () => {
  test.each<[string, Argv | undefined]>([
    ['gzip', undefined], ['xz', ['xz', '--stdout', '--check=crc32', '--x86', '--lzma2=dict=32MiB']], ['zstd', ['zstd', '-q', '-c', '--ultra', '-22']], ['lzma', ['xz', '--format=lzma', '--stdout', '-9']],
    ['bzip2', ['bzip2', '--stdout']], ['lz4', ['lz4', '-l', '-c', '-q']], ['lzo', ['lzop', '--stdout', '-9']],
  ])('compressed with %s is unpacked and read', async (compression, pack) => {
    if (!needsTools(...(pack ? [pack[0]] : []), 'openssl')) return
    const dir = await temporaryFolder()
    const own = await keyPair(exec, dir, 'own')
    const root = join(dir, 'root')
    await write(root, { 'etc/hostname': 'x\n', [`boot/vmlinuz-${release}`]: await kernel(dir, pack, [own.der]) })
    await using image = await openRouterImage(root, { exec })
    const read = await readKernelImage(image, await bootedKernel(image))
    expect(read).toMatchObject({ release, compression, vermagic, file: `boot/vmlinuz-${release}` })
    expect(read.certificates.map(({ facts }) => facts.subject)).toEqual(['own'])
    expect(read.exports.get('nf_register_net_hook')).toEqual({ crc: 2, gplOnly: true })
  })

  test.skipIf(!needsTools('xz'))('that is damaged is an error of its own', async () => {
    const dir = await temporaryFolder()
    const good = await kernel(dir, ['xz', '--stdout', '--check=crc32'])
    for (const at of [1040 + 30, 1040 + 400]) {
      const bytes = Buffer.from(good)
      bytes[at] = bytes[at]! ^ 0xff
      const root = join(dir, `root-${String(at)}`)
      await write(root, { 'etc/hostname': 'x\n', [`boot/vmlinuz-${release}`]: bytes })
      await using image = await openRouterImage(root, { exec })
      expect(await rejection(inspect(image))).toMatchObject({ code: 'E_KERNEL_IMAGE' })
    }
  })
})

describe.skipIf(!needsTools('mksquashfs', 'xz', 'zstd'))('the CRCs of an image', () => {
  test.each<[string, string, (file: string) => Argv]>([
    ['uncompressed', '', () => ['true']], ['xz', '.xz', (file) => ['xz', '--check=crc32', '--lzma2=dict=1MiB', file]], ['zstd', '.zst', (file) => ['zstd', '-q', '--rm', file]],
  ])('are read from the kernel and from %s modules, and a contradiction shows', async (_what, suffix, pack) => {
    const dir = await temporaryFolder()
    const root = join(dir, 'root')
    const modules = join(root, `lib/modules/${release}/kernel`)
    await write(root, { 'etc/hostname': 'x\n', [`boot/vmlinuz-${release}`]: await kernel(dir, undefined) })
    await write(modules, { 'nf_defrag_ipv4.ko': defrag, 'other.ko': module('other', { versions: { kfree: 1, nf_defrag_ipv4_enable: 99 } }) })
    for (const name of ['nf_defrag_ipv4.ko', 'other.ko']) await exec(pack(join(modules, name)))
    const file = join(dir, 'root.squashfs')
    await squash(root, file, '-comp', 'xz')
    await using image = await openRouterImage(file, { exec })
    const crcs = await collectImageCrcs(image, await bootedKernel(image))
    const [vmlinuz, first, second] = [`boot/vmlinuz-${release}`, `lib/modules/${release}/kernel/nf_defrag_ipv4.ko${suffix}`, `lib/modules/${release}/kernel/other.ko${suffix}`]
    expect(crcs.get('kfree')).toEqual([{ crc: 1, source: vmlinuz, how: 'exports' }, { crc: 1, source: first, how: 'imports' }])
    expect(crcs.get('nf_register_net_hook')).toEqual([{ crc: 2, source: vmlinuz, how: 'exports' }])
    expect(crcs.get('nf_defrag_ipv4_enable')).toEqual([{ crc: 5, source: first, how: 'exports' }, { crc: 99, source: second, how: 'imports' }])
  })
})
