import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, readFile, utimes, writeFile, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { checksumFiles, isoFacts, openRouterImage, type RouterImage } from '../inspect/artifact.ts'
import { openByteSource, partOf, type ByteSource } from '../../scripts/formats/byte-source.ts'
import { gptFaults, mbrImagePlace, mbrLeadsTo, readBootCatalog, readGptIdentity, type Partition } from '../../scripts/formats/iso9660-boot.ts'
import { isJoliet, isoBlockBytes, readIso9660, type IsoEntry } from '../../scripts/formats/iso9660.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import type { UserNamespace } from '../../scripts/lib/user-namespace.ts'
import { checksumListsOf, digestsOnIso, refreshedList, verifyLists, type Algorithm } from './checksum-lists.ts'
import { packageList, type PresentPackage } from './packages.ts'
import { chunksOf, digestsOf, writeAll, type NewFile } from './new-file.ts'

type OpenIso = NonNullable<RouterImage['iso']>

export interface NewIsoInput {
  image: RouterImage
  iso: OpenIso
  /** Files that take the place of the ISO's own, and new ones, by their paths on it. */
  files: ReadonlyMap<string, string>
  /** The same for files that are put together while they are written; they are written once, into the ISO. */
  streamed: ReadonlyMap<string, NewFile>
  /** All packages of its root. */
  packages: readonly PresentPackage[]
  /** By how much its root's files have grown, on a disk. */
  grownBytes: number
  output: string
  /** What new files are dated, in seconds since 1970. */
  epoch: number
  exec: Exec
  /** For an ordinary user. */
  namespace: UserNamespace | undefined
  workDir: string
}

const hexDigits: Readonly<Record<Algorithm, number>> = { sha256: 64, md5: 32, sha512: 128, sha1: 40 }

/**
 * Writes the ISO with other files: every boot record is replayed, lists of packages and of checksums are brought up to date, all else is
 * the old ISO's. What was written is read again. Resolves to its SHA-256 in hexadecimal, and to what a person should know.
 * @throws ForgeError E_INJECT, also when something differs that should not
 */
export async function writeNewIso(input: NewIsoInput): Promise<{ sha256: string; notes: string[] }> {
  const { iso, output, epoch, workDir } = input
  const files = new Map(input.files)
  const refresh = async (path: string, text: (old: string) => string | Promise<string>): Promise<void> => {
    const old = (await iso.file9660(path))?.toString('utf8')
    if (old === undefined) return
    const fresh = await text(old)
    if (fresh !== old) files.set(path, await written(join(workDir, 'iso-files', path), fresh))
  }
  const beside = (suffix: string): string => iso.squashfsEntry.path.replace(/\.\w+$/, suffix)
  await refresh(beside('.packages'), (old) => packageList(old, input.packages))
  // casper's name for the same.
  await refresh(beside('.manifest'), (old) => /^[^\t\n]+\t[^\t\n]+$/m.test(old) ? packageList(old, input.packages) : old)
  // What an installer goes by: how much of a disk the root takes.
  await refresh(beside('.size'), (old) => /^\d+\s*$/.test(old) ? old.replace(/\d+/, (bytes) => String(Math.max(0, Number(bytes) + input.grownBytes))) : old)
  let digests: ReadonlyMap<string, ReadonlyMap<Algorithm, string>> = new Map()
  // A boot image that is told where it lies is another one wherever that changes.
  const patched = await patchedFiles(iso)
  const patchedDigests = new Map<string, ReadonlyMap<Algorithm, string>>()
  const digestOf = async (path: string, algorithm: Algorithm): Promise<string | undefined> => {
    if (patched.has(path) && files.size + input.streamed.size > 0 && !files.has(path)) return patchedDigests.get(path)?.get(algorithm) ?? '0'.repeat(hexDigits[algorithm])
    if (input.streamed.has(path)) return digests.get(path)?.get(algorithm) ?? '0'.repeat(hexDigits[algorithm])
    const file = files.get(path)
    return file === undefined ? undefined : await digestOfFile(file, algorithm)
  }
  const lists = checksumListsOf(iso)
  const refreshLists = async (): Promise<void> => {
    const all = [...files.keys(), ...input.streamed.keys()]
    // A list may have another one's checksum, whichever comes first.
    for (const _ of lists) {
      for (const [path, algorithm] of lists) await refresh(path, (old) => refreshedList(path, old, all, iso, (one) => digestOf(one, algorithm)))
    }
  }
  await refreshLists()
  if (files.size + input.streamed.size === 0) {
    await copy(iso.source.path, output)
    return { sha256: await sha256File(output), notes: await verifyLists(iso, { before: iso, replaced: new Set(), known: new Map() }) }
  }
  for (const file of files.values()) await utimes(file, epoch, epoch)
  const volumes = await volumeTexts(iso.source)
  const algorithms = [...new Set(lists.flatMap(([path, algorithm]) => files.has(path) ? [algorithm] : []))]
  // Meanwhile this process has nothing to do.
  const [made, summedUp] = await Promise.allSettled([runXorriso(input, files, [...volumes.keys()]), digestsOfAll(input.streamed, algorithms)])
  if (made.status === 'rejected') throw made.reason as Error
  if (summedUp.status === 'rejected') throw summedUp.reason as Error
  digests = summedUp.value
  {
    await using made = await openRouterImage(output, input)
    for (const path of patched) {
      const found = made.iso && await digestsOnIso(made.iso, path, algorithms)
      if (found) patchedDigests.set(path, found)
    }
  }
  await refreshLists()
  await putBack(output, volumes, await iso.source.read(diskSignature.at, diskSignature.bytes))
  await using handle = await open(output, 'r+')
  const { sha256, flushed } = await fillIn(handle, input, files)
  // The disk has its time while all of it is looked at.
  const notes = await expectSame(input, new Set([...files.keys(), ...input.streamed.keys()]), digests, patched)
  await flushed
  return { sha256, notes: [...notes, ...staleNotes(iso, [...files.keys(), ...input.streamed.keys()])] }
}

/** Sums and signatures of single files, which nothing but their makers can bring up to date. */
const ofOneFile = /\.(sig|sign|asc|gpg|minisig|p7s|verity|zsync|(sha|md)\d+(sum)?)$/i

function staleNotes({ entries }: OpenIso, changed: readonly string[]): string[] {
  const stale = entries.map(({ path }) => path).filter((path) => ofOneFile.test(path) && changed.includes(path.replace(ofOneFile, '')) && !changed.includes(path))
  return stale.length === 0 ? [] : [`what is beside a file that changed was left as it is, and does not fit it any more: ${stale.join(', ')}`]
}

/** Writes the ISO, with holes for what is streamed. */
async function runXorriso({ iso, output, epoch, exec, workDir, streamed, namespace }: NewIsoInput, files: ReadonlyMap<string, string>, trees: readonly VolumeKind[]): Promise<void> {
  const gpt = await readGptIdentity(iso.source)
  const holes = join(workDir, 'holes')
  await mkdir(holes)
  const mapped = [...files, ...[...streamed.keys()].map((path, index) => [path, join(holes, String(index))] as const)]
  const argv = ['-abort_on', 'FAILURE', '-report_about', 'SORRY', '-indev', iso.source.path, '-outdev', '-', '-boot_image', 'any', 'replay',
    // Names for Windows are made anew, where there were any.
    ...(trees.includes('joliet') ? ['-joliet', 'on', '-compliance', 'joliet_long_names'] : []),
    ...(trees.includes('enhanced') ? ['-compliance', 'iso_9660_1999'] : []),
    ...(gpt === undefined ? [] : ['-boot_image', 'any', `gpt_disk_guid=${gpt.disk}`]),
    ...mapped.flatMap(([path, file]) => {
      const { mode, uid, gid } = iso.file(path)?.posix ?? { mode: 0o444, uid: 0, gid: 0 }
      return ['-map', file, `/${path}`, '-chown', String(uid), `/${path}`, '--', '-chgrp', String(gid), `/${path}`, '--', '-chmod', mode.toString(8).padStart(4, '0'), `/${path}`, '--']
    }), '-commit', '-end']
  // In memory, where the host allows: reading a hole on a disk fills the page cache with zeros. Into a file xorriso writes a second copy of
  // the tables, for sessions that are never added, and all those zeros.
  const script = ['mount -t tmpfs tmpfs "$holes" 2>/dev/null || :', 'number=0',
    'for size in $sizes; do truncate -s "$size" "$holes/$number"; touch -d "@$SOURCE_DATE_EPOCH" "$holes/$number"; number=$((number + 1)); done',
    'xorriso "$@" | dd bs=1M iflag=fullblock conv=sparse status=none']
  await exec(['bash', '-e', '-o', 'pipefail', '-c', script.join('\n'), 'xorriso', ...argv], {
    doing: 'write the ISO', errorCode: 'E_INJECT', hint: 'the last words above say why', timeoutMs: 30 * 60_000, contained: true, userNamespace: namespace, stdoutFile: output,
    // Settings of whoever runs this (~/.xorrisorc) would be in the ISO; with -no_rc, xorriso does not write to standard output.
    env: { HOME: '/nonexistent', SOURCE_DATE_EPOCH: String(epoch), holes, sizes: [...streamed.values()].map(({ sizeBytes }) => sizeBytes).join(' ') },
  })
}

/** Writes what is not in the ISO yet: what is streamed, and the lists that have its checksums. Resolves to the SHA-256 of all of it, and to when most of it is on the disk. */
async function fillIn(handle: FileHandle, { output, streamed }: NewIsoInput, files: ReadonlyMap<string, string>): Promise<{ sha256: string; flushed: Promise<unknown> }> {
  await using source = await openByteSource(output)
  const { file } = await readIso9660(source)
  const place = (path: string, sizeBytes: number): number => {
    const entry = file(path)
    if (entry?.sizeBytes !== sizeBytes) throw changed(`${path} has ${String(entry?.sizeBytes)} bytes, and should have ${String(sizeBytes)}`)
    return entry.offset
  }
  for (const [path] of checksumFiles) {
    const list = files.get(path)
    const bytes = list === undefined ? undefined : await readFile(list)
    if (bytes) await writeAll(handle, bytes, place(path, bytes.length))
  }
  const hash = createHash('sha256')
  let [at, flushing]: [number, Promise<unknown>] = [0, Promise.resolve()]
  const asItIs = async (to: number): Promise<void> => {
    for await (const chunk of chunksOf([partOf(source, at, to - at, 'what xorriso wrote')])) hash.update(chunk)
    at = to
  }
  for (const [path, one] of [...streamed].sort(([left], [right]) => (file(left)?.offset ?? 0) - (file(right)?.offset ?? 0))) {
    await asItIs(place(path, one.sizeBytes))
    for await (const chunk of chunksOf(one.parts)) {
      const writing = writeAll(handle, chunk, at)
      // It is thrown where it is waited for.
      writing.catch(() => undefined)
      hash.update(chunk)
      await writing
      at += chunk.length
      // The disk is not left to wait until all is there.
      if (at % flushBytes < chunk.length) {
        flushing = Promise.all([flushing, handle.datasync()])
        flushing.catch(() => undefined)
      }
    }
  }
  flushing = Promise.all([flushing, handle.datasync()])
  flushing.catch(() => undefined)
  await asItIs(source.sizeBytes)
  return { sha256: hash.digest('hex'), flushed: flushing }
}

async function digestsOfAll(files: ReadonlyMap<string, NewFile>, algorithms: readonly Algorithm[]): Promise<Map<string, ReadonlyMap<Algorithm, string>>> {
  const digests = new Map<string, ReadonlyMap<Algorithm, string>>()
  for (const [path, file] of files) digests.set(path, await digestsOf(file, algorithms))
  return digests
}

async function written(path: string, text: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
  return path
}

async function copy(from: string, to: string): Promise<void> {
  await pipeline(createReadStream(from, { highWaterMark: 1 << 20 }), createWriteStream(to, { flags: 'r+' }))
}

async function digestOfFile(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm)
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

/** A tree of names: the usual one, that for Windows, and the one of ISO 9660:1999, which is the usual one with longer names. */
type VolumeKind = 'primary' | 'joliet' | 'enhanced'
/** Of each tree's descriptor, the bytes in which it says what the volume is and who made it when. */
type VolumeTexts = ReadonlyMap<VolumeKind, readonly Buffer[]>

/** Names of system and volume; of the set, publisher, preparer, application and files about it, then four dates (ECMA-119 §8.4). */
const textFields = [{ from: 8, to: 72 }, { from: 190, to: 881 }] as const

async function volumeTexts(source: ByteSource): Promise<VolumeTexts> {
  const texts = new Map<VolumeKind, readonly Buffer[]>()
  for await (const { kind, block } of volumeDescriptors(source)) texts.set(kind, textFields.map(({ from, to }) => Buffer.from(block.subarray(from, to))))
  return texts
}

/** Of the disk, in the MBR of a hybrid ISO, with the two bytes behind it. */
const diskSignature = { at: 440, bytes: 6 }

/** xorriso dates a volume anew, knows only one time zone, and says that it prepared it; it also makes up another disk signature. The old ones are put back as they were. */
async function putBack(output: string, volumes: VolumeTexts, signature: Buffer): Promise<void> {
  const places = [{ at: diskSignature.at, bytes: signature }]
  {
    await using source = await openByteSource(output)
    for await (const { kind, at } of volumeDescriptors(source)) {
      for (const [index, bytes] of (volumes.get(kind) ?? []).entries()) places.push({ at: at + (textFields[index]?.from ?? 0), bytes })
    }
  }
  await using file = await open(output, 'r+')
  for (const { at, bytes } of places) await file.write(bytes, 0, bytes.length, at)
}

async function* volumeDescriptors(source: ByteSource): AsyncGenerator<{ kind: VolumeKind; at: number; block: Buffer }> {
  for (let at = 16 * isoBlockBytes; at + isoBlockBytes <= source.sizeBytes; at += isoBlockBytes) {
    const block = await source.read(at, isoBlockBytes)
    const type = block[0] ?? 255
    if (type === 255 || block.toString('latin1', 1, 6) !== 'CD001') return
    if (type === 1 || type === 2) yield { kind: type === 1 ? 'primary' : isJoliet(block) ? 'joliet' : 'enhanced', at, block }
  }
}

/** What boots, and every file that was not replaced, must be as before, byte for byte; what was replaced must be what it should. Resolves to what a person should know. */
async function expectSame(input: NewIsoInput, replaced: ReadonlySet<string>, digests: ReadonlyMap<string, ReadonlyMap<Algorithm, string>>, patched: ReadonlySet<string>): Promise<string[]> {
  const { image, iso, output } = input
  await using made = await openRouterImage(output, input)
  if (!made.iso) throw changed('it is no ISO')
  const [before, after] = [await invariantsOf(image, iso), await invariantsOf(made, made.iso)]
  for (const [what, was] of Object.entries(before)) {
    const is = after[what]
    if (was !== is) throw changed(`its ${what} was ${was}, and is ${String(is)}`)
  }
  await expectPlaces(iso, made.iso)
  const kept = (one: OpenIso): IsoEntry[] => one.entries.filter(({ path }) => !replaced.has(path)).sort((left, right) => left.path < right.path ? -1 : 1)
  const names = (entries: readonly IsoEntry[]): string => JSON.stringify(entries.map(({ path, directory, sizeBytes, posix }) => [path, directory ? 0 : sizeBytes, posix]))
  const [old, fresh] = [kept(iso), kept(made.iso)]
  if (names(old) !== names(fresh)) throw changed('files are missing, or have another size, owner or other permissions')
  for (const [index, entry] of old.entries()) {
    // The boot catalogue is nothing but positions.
    if (entry.directory || entry.offset === iso.bootCatalogOffset) continue
    const other = fresh[index]
    if (!other || !await sameBytes(iso.open(entry), made.iso.open(other), patched.has(entry.path) ? bootInfoTable : undefined)) throw changed(`${entry.path} has other bytes than before`)
  }
  for (const [path, { parts }] of input.streamed) {
    const entry = made.iso.file(path)
    let at = 0
    for (const part of parts) {
      if (!entry || !await sameBytes(part, partOf(made.iso.open(entry), at, part.sizeBytes, path))) throw changed(`${path} was not written as it should be`)
      at += part.sizeBytes
    }
  }
  return await verifyLists(made.iso, { before: iso, replaced: new Set([...replaced, ...patched]), known: digests })
}

/** What says where something lies cannot be as before, but has to lead there where it did. */
async function expectPlaces(iso: OpenIso, made: OpenIso): Promise<void> {
  if (await mbrLeads(iso) && !await mbrLeads(made)) throw changed('its MBR does not lead to its boot image')
  const faults = await gptFaults(made.source)
  if (faults.length > 0 && (await gptFaults(iso.source)).length === 0) throw changed(faults.join(', '))
}

async function mbrLeads({ source, bootCatalogOffset }: OpenIso): Promise<boolean> {
  const entries = bootCatalogOffset === undefined ? [] : await readBootCatalog(source, bootCatalogOffset)
  const image = entries.find(({ platformId }) => platformId === 0)
  return image !== undefined && await mbrLeadsTo(source, image)
}

/** Where isolinux and the like are told their own place. */
async function patchedFiles(iso: OpenIso): Promise<ReadonlySet<string>> {
  const boot = iso.bootCatalogOffset === undefined ? [] : await readBootCatalog(iso.source, iso.bootCatalogOffset)
  const places = new Set(boot.filter(({ platformId }) => platformId === 0).map(({ block }) => block * isoBlockBytes))
  return new Set(iso.entries.filter(({ directory, offset, sizeBytes }) => !directory && sizeBytes > 0 && places.has(offset)).map(({ path }) => path))
}

/** What a new ISO has in common with the old one, each as a text that says it all. Positions and sizes that follow from the squashfs are none of it. */
async function invariantsOf(image: RouterImage, iso: OpenIso): Promise<Record<string, string>> {
  const { volumeId, boot, isohybrid, secureBoot, commandLines } = await isoFacts(image, iso)
  const gpt = await readGptIdentity(iso.source)
  return {
    'volume ID': volumeId,
    'boot catalogue': JSON.stringify(boot.map(({ platform, bootable, loadSectors, path }) => ({ platform, bootable, loadSectors, path }))),
    'partition table': JSON.stringify({ mbr: isohybrid.mbr, gpt: isohybrid.gpt, types: isohybrid.partitions.map(({ type }) => type) }),
    'MBR': await mbrIdentity(iso.source),
    'GPT': gpt === undefined ? 'none' : `${gpt.disk} with ${gpt.partitions.map(({ guid, flags, name }) => `${guid} ${flags} ${name}`).join(', ')}`,
    'EFI partition': await appendedPartition(iso, isohybrid.partitions),
    'Secure Boot': JSON.stringify(secureBoot),
    'boot menu': JSON.stringify(commandLines),
    'names and dates of the volume': [...await volumeTexts(iso.source)].map(([kind, texts]) => `${kind} ${texts.map((bytes) => bytes.toString('latin1').replace(/\p{Cc}/gu, '-').replace(/ +/g, ' ')).join(' ')}`).join(', '),
  }
}

/** What a BIOS starts, with the disk's signature, and each partition's type and flag. */
async function mbrIdentity(source: ByteSource): Promise<string> {
  const sector = await source.read(0, 512)
  const code = Buffer.concat([sector.subarray(0, mbrImagePlace.at), sector.subarray(mbrImagePlace.at + mbrImagePlace.bytes, 446)])
  return `${createHash('sha256').update(code).digest('hex').slice(0, 16)} ${[446, 462, 478, 494].map((at) => `${sector.toString('hex', at, at + 1)}:${sector.toString('hex', at + 4, at + 5)}`).join(' ')}`
}

/** Digests of EFI partitions that are no file of the ISO: grub-mkrescue and others append them behind its end. */
async function appendedPartition(iso: OpenIso, partitions: readonly Partition[]): Promise<string> {
  const files = new Set(iso.entries.filter(({ directory }) => !directory).map(({ offset }) => offset))
  const digests: string[] = []
  for (const { type, startBytes, sizeBytes } of partitions) {
    if (!isEfi(type) || files.has(startBytes)) continue
    const hash = createHash('sha256')
    const part = partOf(iso.source, startBytes, sizeBytes, 'EFI partition')
    for (let at = 0; at < part.sizeBytes; at += chunkBytes) hash.update(await part.read(at, Math.min(chunkBytes, part.sizeBytes - at)))
    digests.push(hash.digest('hex'))
  }
  return digests.length === 0 ? 'a file or none' : digests.join(', ')
}

function isEfi(type: string): boolean {
  return type === 'ef' || type === 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b'
}

/** Where a BIOS boot image is told its own place on the medium (mkisofs's boot-info-table), in bytes. */
const bootInfoTable = { from: 8, to: 64 }
const chunkBytes = 1048576
const flushBytes = 256 * chunkBytes

async function sameBytes(one: ByteSource, other: ByteSource, except?: { from: number; to: number }): Promise<boolean> {
  if (one.sizeBytes !== other.sizeBytes) return false
  const others = chunksOf([other])
  let first = true
  for await (const left of chunksOf([one])) {
    const { value: right } = await others.next() as IteratorResult<Buffer, undefined>
    if (except && first) for (const bytes of [left, right]) bytes?.fill(0, except.from, except.to)
    first = false
    if (!right || !left.equals(right)) return false
  }
  return true
}

function changed(what: string): ForgeError {
  return new ForgeError('E_INJECT', `the new ISO is not as it should be: ${what}`, { hint: 'report this with the ISO\'s name and `xorriso -indev ISO -report_el_torito plain -report_system_area plain`' })
}
