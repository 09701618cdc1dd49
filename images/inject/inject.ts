import { copyFile, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openRouterImage } from '../inspect/artifact.ts'
import type { ByteSource } from '../../scripts/formats/byte-source.ts'
import { openByteSource } from '../../scripts/formats/byte-source.ts'
import { isoBlockBytes } from '../../scripts/formats/iso9660.ts'
import { graft } from '../../scripts/formats/squashfs/graft.ts'
import { requireRoot } from '../../scripts/lib/build-root.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Argv, Exec } from '../../scripts/lib/exec.ts'
import type { HostTool } from '../../scripts/lib/host-tools.ts'
import type { Log } from '../../scripts/lib/log.ts'
import { writeNewIso } from './new-iso.ts'

export const injectTools: readonly HostTool[] = [
  { command: 'mksquashfs', package: 'squashfs-tools', why: 'packs what packages change in an image' },
  { command: 'xorriso', package: 'xorriso', why: 'writes ISOs' },
  { command: 'mount', package: 'mount', why: 'lays an overlay over an image\'s root' },
]

export interface InjectInput {
  iso: string
  packages: readonly string[]
  output: string
  exec: Exec
  log: Log
  /** A folder of the caller's on a file system that an overlay can write to. */
  workDir: string
}

/** What an injection did. */
export interface Injection {
  iso: string
  sha256: string
  sizeBytes: number
  squashfs: { path: string; oldBytes: number; newBytes: number }
  /** Of the given ones, as they are in the image now. */
  packages: { name: string; version: string }[]
}

/**
 * Installs packages in an ISO's root file system and writes a new ISO that is the same in everything else. The packed data of the old one are copied, not unpacked.
 * @throws ForgeError E_INJECT when a package does not install; E_IMAGE and the like for what is no router ISO
 */
export async function inject({ iso, packages, output, exec, log, workDir }: InjectInput): Promise<Injection> {
  requireRoot('install packages in an image')
  if (packages.length === 0) throw new ForgeError('E_USAGE', 'no package to install was given', { hint: 'name .deb files: nat64-forge inject ROUTER.iso PACKAGE.deb… --output NEW.iso' })
  if (await stat(output).then(() => true, () => false)) throw new ForgeError('E_USAGE', `${output} exists`, { hint: 'name another file, or remove it' })
  await stat(dirname(resolve(output))).catch((cause: unknown) => { throw new ForgeError('E_USAGE', `the folder for ${output} does not exist`, { hint: 'make it first', cause }) })
  await using image = await openRouterImage(iso, { exec })
  if (!image.iso) throw new ForgeError('E_IMAGE', `${iso} is not an ISO`, { hint: 'give the router\'s live ISO' })
  const squashfs = await image.squashfs()
  if (!squashfs) throw new ForgeError('E_BUG', 'an ISO was opened without its squashfs')
  const { squashfsEntry: entry, source } = image.iso
  const { superblock } = squashfs

  const pool = join(workDir, 'packages')
  await mkdir(pool)
  for (const path of packages) {
    await copyFile(path, join(pool, basename(path))).catch((cause: unknown) => { throw new ForgeError('E_DEB', `${path} cannot be read`, { hint: 'check the path', cause }) })
  }
  const names = new Set(await Promise.all(packages.map((path) => nameOf(join(pool, basename(path)), exec))))

  log.step(`installing ${String(packages.length)} packages in the image`)
  const epoch = String(superblock.createdAt)
  await exec(['unshare', '--net', 'sh', fileURLToPath(new URL('in-overlay.sh', import.meta.url)), workDir, resolve(source.path), String(entry.offset), String(Math.ceil(entry.sizeBytes / isoBlockBytes) * isoBlockBytes)], {
    contained: true, doing: 'install the packages in the image', errorCode: 'E_INJECT', env: { SOURCE_DATE_EPOCH: epoch },
    hint: 'dpkg\'s own words are above; give the packages that these depend on too', timeoutMs: 30 * 60_000,
  })
  const installed = (await readFile(join(workDir, 'packages.txt'), 'utf8')).split('\n').map((line) => line.split(' ')).filter((words) => words.length === 3)

  log.step('grafting what changed onto the squashfs')
  const difference = join(workDir, 'difference.squashfs')
  const grafted = join(workDir, 'grafted.squashfs')
  await exec(['mksquashfs', join(workDir, 'upper'), difference, '-comp', superblock.compressor, ...squashfs.compressorOptions.split(' ').filter((word) => word !== ''), '-b', String(superblock.blockSizeBytes), '-noappend', '-no-progress', '-quiet', '-no-exports'] as unknown as Argv, {
    doing: 'pack what changed', errorCode: 'E_INJECT', env: { SOURCE_DATE_EPOCH: epoch }, timeoutMs: 30 * 60_000,
  })
  await using added = await openByteSource(difference)
  const result = await graft(image.iso.open(entry), added, { exec, workDir })
  await write(result.parts, grafted)

  log.step('writing the ISO')
  const partial = `${resolve(output)}.part`
  try {
    await writeNewIso({ image, iso: image.iso, grafted, epoch: superblock.createdAt, packages: installed.map(([name = '', version = '']) => ({ name, version })), output: partial, exec, workDir })
    await rename(partial, output)
  } finally {
    await rm(partial, { force: true })
  }
  return {
    iso: output, sha256: await sha256File(output), sizeBytes: (await stat(output)).size,
    squashfs: { path: entry.path, oldBytes: entry.sizeBytes, newBytes: result.sizeBytes },
    packages: installed.filter(([name = '']) => names.has(name.split(':')[0] ?? '')).map(([name = '', version = '']) => ({ name, version })),
  }
}

async function nameOf(deb: string, exec: Exec): Promise<string> {
  return (await exec(['dpkg-deb', '--field', deb, 'Package'], { doing: `read ${basename(deb)}`, errorCode: 'E_DEB', hint: 'get the package again' })).stdout.trim()
}

const chunkBytes = 4 * 1048576

async function write(parts: readonly ByteSource[], path: string): Promise<void> {
  await using file = await open(path, 'wx')
  const buffer = Buffer.allocUnsafe(chunkBytes)
  for (const part of parts) {
    for (let at = 0; at < part.sizeBytes; at += chunkBytes) await file.writeFile(await part.read(at, Math.min(chunkBytes, part.sizeBytes - at), buffer))
  }
}
