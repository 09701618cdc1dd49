import { utimes, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { openRouterImage, type BootRecord, type RouterImage } from '../inspect/artifact.ts'
import { isoFacts } from '../inspect/iso-facts.ts'
import type { ByteSource } from '../../scripts/formats/byte-source.ts'
import type { IsoEntry } from '../../scripts/formats/iso9660.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Argv, Exec } from '../../scripts/lib/exec.ts'

type OpenIso = NonNullable<RouterImage['iso']>

export interface NewIsoInput {
  image: RouterImage
  iso: OpenIso
  /** The new squashfs, a file. */
  grafted: string
  /** All packages of its root. */
  packages: readonly { name: string; version: string }[]
  output: string
  /** What new files are dated, in seconds since 1970. */
  epoch: number
  exec: Exec
  workDir: string
}

const checksumFiles = [['sha256sum.txt', 'sha256'], ['SHA256SUMS', 'sha256'], ['md5sum.txt', 'md5']] as const

/**
 * Writes the ISO with another squashfs: every boot record is replayed, lists of packages and of checksums are brought up to date,
 * all else is the old ISO's.
 * @throws ForgeError E_INJECT, also when something differs that should not
 */
export async function writeNewIso(input: NewIsoInput): Promise<void> {
  const { image, iso, grafted, output, epoch, exec, workDir } = input
  const replaced = new Map([[iso.squashfsEntry.path, grafted]])
  const list = iso.squashfsEntry.path.replace(/\.\w+$/, '.packages')
  if (iso.file(list)) replaced.set(list, await written(join(workDir, 'packages.list'), input.packages.map(({ name, version }) => `${name}\t${version}\n`).join('')))
  for (const [path, algorithm] of checksumFiles) {
    const old = await iso.file9660(path)
    if (old) replaced.set(path, await written(join(workDir, path), await refreshed(old.toString('utf8'), replaced, algorithm)))
  }
  for (const file of replaced.values()) await utimes(file, epoch, epoch)
  const argv = ['xorriso', '-abort_on', 'FAILURE', '-report_about', 'SORRY', '-indev', iso.source.path, '-outdev', output, '-boot_image', 'any', 'replay',
    ...[...replaced].flatMap(([path, file]) => ['-map', file, `/${path}`, '-chown', '0', `/${path}`, '--', '-chgrp', '0', `/${path}`, '--', '-chmod', '0444', `/${path}`, '--']), '-commit', '-end']
  await exec(argv as unknown as Argv, { doing: 'write the ISO', errorCode: 'E_INJECT', env: { SOURCE_DATE_EPOCH: String(epoch) }, timeoutMs: 30 * 60_000 })
  await expectSame(image, iso, output, new Set(replaced.keys()), exec)
}

async function written(path: string, text: string): Promise<string> {
  await writeFile(path, text)
  return path
}

/** A list of checksums with those of the replaced files made anew. */
async function refreshed(text: string, replaced: ReadonlyMap<string, string>, algorithm: string): Promise<string> {
  const lines: string[] = []
  for (const line of text.split('\n')) {
    const [, , between = '', path = ''] = /^([0-9a-f]{32,64})( [ *](?:\.\/)?)(.+)$/.exec(line) ?? []
    const file = replaced.get(path)
    lines.push(file === undefined ? line : `${await digestOf(file, algorithm)}${between}${path}`)
  }
  return lines.join('\n')
}

async function digestOf(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm)
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/** What boots, and every file that was not replaced, must be as before, byte for byte. */
async function expectSame(image: RouterImage, iso: OpenIso, output: string, replaced: ReadonlySet<string>, exec: Exec): Promise<void> {
  await using made = await openRouterImage(output, { exec })
  if (!made.iso) throw changed('it is no ISO')
  const [before, after] = [await isoFacts(image, iso), await isoFacts(made, made.iso)]
  const invariant = ({ volumeId, boot, isohybrid, secureBoot, commandLines }: typeof before): string => JSON.stringify({ volumeId, boot: boot.map(({ platform, bootable, loadSectors, path }: BootRecord) => ({ platform, bootable, loadSectors, path })), isohybrid: { mbr: isohybrid.mbr, gpt: isohybrid.gpt, partitions: isohybrid.partitions.map(({ type }) => type) }, secureBoot, commandLines })
  if (invariant(before) !== invariant(after)) throw changed(`its boot records were ${invariant(before)} and are ${invariant(after)}`)
  const kept = (one: OpenIso): IsoEntry[] => one.entries.filter(({ path }) => !replaced.has(path)).sort((left, right) => left.path < right.path ? -1 : 1)
  const names = (entries: readonly IsoEntry[]): string => JSON.stringify(entries.map(({ path, directory, sizeBytes }) => [path, directory ? 0 : sizeBytes]))
  const [old, fresh] = [kept(iso), kept(made.iso)]
  if (names(old) !== names(fresh)) throw changed('files are missing or have another size')
  const patched = new Set(before.boot.filter(({ platform }) => platform === 'bios').map(({ path }) => path))
  for (const [index, entry] of old.entries()) {
    // The boot catalogue is nothing but positions.
    if (entry.directory || entry.offset === iso.bootCatalogOffset) continue
    const other = fresh[index]
    if (!other || !await sameBytes(iso.open(entry), made.iso.open(other), patched.has(entry.path) ? bootInfoTable : undefined)) throw changed(`${entry.path} has other bytes than before`)
  }
}

/** Where a BIOS boot image is told its own place on the medium (mkisofs's boot-info-table), in bytes. */
const bootInfoTable = { from: 8, to: 64 }
const chunkBytes = 1048576

async function sameBytes(one: ByteSource, other: ByteSource, except?: { from: number; to: number }): Promise<boolean> {
  for (let at = 0; at < one.sizeBytes; at += chunkBytes) {
    const length = Math.min(chunkBytes, one.sizeBytes - at)
    const [left, right] = [await one.read(at, length), await other.read(at, length)]
    if (except && at === 0) for (const bytes of [left, right]) bytes.fill(0, except.from, except.to)
    if (!left.equals(right)) return false
  }
  return true
}

function changed(what: string): ForgeError {
  return new ForgeError('E_INJECT', `the new ISO is not as it should be: ${what}`, { hint: 'report this with the ISO\'s name and `xorriso -indev ISO -report_el_torito plain -report_system_area plain`' })
}
