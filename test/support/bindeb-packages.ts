import { copyFile, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Exec } from '../../scripts/lib/exec.ts'

/**
 * A kernel build tree in one folder, as `make bindeb-pkg` packs it, from Debian's, which is spread over three; of another
 * release, and without the thousands of files that network modules do not need.
 */
export async function flatTree(debian: { src: string; release: string }, to: string, release: string, exec: Exec): Promise<void> {
  await mkdir(to, { recursive: true })
  const common = join(debian.src, `linux-headers-${debian.release.replace(/-amd64$/, '-common')}`)
  const own = join(debian.src, `linux-headers-${debian.release}`)
  const kbuild = join(debian.src, (await readdir(debian.src)).find((name) => name.startsWith('linux-kbuild-')) ?? '')
  const parts = [`${common}/Makefile`, `${common}/include`, `${kbuild}/scripts`, `${kbuild}/tools`, `${own}/.config`, `${own}/Module.symvers`, `${own}/arch`, `${own}/include`]
  await exec(['cp', '-a', ...parts, to])
  await exec(['cp', '-a', `${common}/arch/x86`, join(to, 'arch')])
  await exec(['bash', '-c', 'cd "$0/include" && rm -r dt-bindings sound media drm rdma scsi && find config -mindepth 1 ! -name auto.conf -delete', to])
  await writeFile(join(to, 'include/generated/utsrelease.h'), `#define UTS_RELEASE "${release}"\n`)
  await mkdir(join(to, 'include/config'), { recursive: true })
  await writeFile(join(to, 'include/config/kernel.release'), `${release}\n`)
}

export interface DebOptions {
  release: string
  version?: string
  architecture?: string
  /** dpkg-deb's -Z. */
  compression?: 'xz' | 'zstd' | 'gzip' | 'none'
}

/** linux-headers-RELEASE as the kernel's own builddeb packs it, with the link in /lib/modules. Resolves to its path. */
export async function headersDeb(tree: string, dir: string, options: DebOptions, exec: Exec): Promise<string> {
  const { release } = options
  const root = join(dir, `headers-root-${release}`)
  await mkdir(join(root, 'usr/src'), { recursive: true })
  await mkdir(join(root, 'lib/modules', release), { recursive: true })
  await exec(['cp', '-a', tree, join(root, 'usr/src', `linux-headers-${release}`)])
  await symlink(`/usr/src/linux-headers-${release}`, join(root, 'lib/modules', release, 'build'))
  return pack(root, dir, 'headers', options, exec)
}

/** linux-image-RELEASE with a configuration, perhaps a kernel, and modules, by their paths below /lib/modules/RELEASE. */
export async function imageDeb(files: { config: string; kernel?: Buffer; modules: Readonly<Record<string, string>> }, dir: string, options: DebOptions, exec: Exec): Promise<string> {
  const { release } = options
  const root = join(dir, `image-root-${release}`)
  await mkdir(join(root, 'boot'), { recursive: true })
  await mkdir(join(root, 'lib/modules', release), { recursive: true })
  await writeFile(join(root, 'boot', `config-${release}`), files.config)
  if (files.kernel) await writeFile(join(root, 'boot', `vmlinuz-${release}`), files.kernel)
  for (const [path, from] of Object.entries(files.modules)) {
    const to = join(root, 'lib/modules', release, path)
    await mkdir(dirname(to), { recursive: true })
    await copyFile(from, to)
  }
  await symlink(`/usr/src/linux-headers-${release}`, join(root, 'lib/modules', release, 'build'))
  return pack(root, dir, 'image', options, exec)
}

async function pack(root: string, dir: string, kind: 'headers' | 'image', { release, version = '1-1', architecture = 'amd64', compression = 'none' }: DebOptions, exec: Exec): Promise<string> {
  const name = `linux-${kind}-${release}`
  await mkdir(join(root, 'DEBIAN'))
  await writeFile(join(root, 'DEBIAN/control'), `Package: ${name}\nSource: linux-upstream\nVersion: ${version}\nArchitecture: ${architecture}\nMaintainer: nobody <nobody@localhost>\nDescription: made for a test\n`)
  const path = join(dir, `${name}_${version}_${architecture}.deb`)
  await exec(['dpkg-deb', '--root-owner-group', `-Z${compression}`, ...(compression === 'none' ? [] : ['-z1']), '--build', root, path] as unknown as readonly [string, ...string[]])
  await rm(root, { recursive: true })
  return path
}

/** The same module, built against another kernel: one imported symbol has another CRC. */
export async function withOtherCrc(from: string, to: string, symbol: string): Promise<void> {
  const bytes = await readFile(from)
  const entry = Buffer.alloc(56)
  entry.write(symbol)
  const at = bytes.indexOf(entry)
  if (at < 8) throw new Error(`${from} does not import ${symbol}`)
  bytes.writeUInt32LE((bytes.readUInt32LE(at - 8) ^ 0xffff) >>> 0, at - 8)
  await writeFile(to, bytes)
}
