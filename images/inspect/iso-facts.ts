import { readFile, rm, symlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isoBlockBytes } from '../../scripts/formats/iso9660.ts'
import { readBootCatalog, readHybridTables, type ElToritoEntry } from '../../scripts/formats/iso9660-boot.ts'
import { peSigner } from '../../scripts/formats/pe-signer.ts'
import { commandLinesOf } from './command-lines.ts'
import type { BootRecord, IsoFacts } from './report.ts'
import type { OpenIso, RouterImage } from './router-image.ts'

const efiProgram = 'EFI/BOOT/BOOTX64.EFI'
const maxEfiBytes = 16 * 1048576
/** Lists of checksums by name. An installer reads one of these before it copies anything; the first that is there. */
export const checksumFiles = [['sha256sum.txt', 'sha256'], ['SHA256SUMS', 'sha256'], ['md5sum.txt', 'md5'], ['sha512sum.txt', 'sha512'], ['sha1sum.txt', 'sha1']] as const

/** What is on the ISO around the root file system. @throws ForgeError E_ISO_DAMAGED */
export async function isoFacts(image: RouterImage, iso: OpenIso): Promise<IsoFacts> {
  const boot = iso.bootCatalogOffset === undefined ? [] : (await readBootCatalog(iso.source, iso.bootCatalogOffset)).map((entry) => bootRecord(iso, entry))
  return {
    volumeId: iso.volumeId,
    squashfs: iso.squashfsEntry.path,
    boot,
    isohybrid: await readHybridTables(iso.source),
    secureBoot: await secureBootOf(image, iso, boot),
    commandLines: await commandLinesOf(iso),
    checksumFile: await checksumFileOf(iso),
  }
}

function bootRecord(iso: OpenIso, { platformId, bootable, loadSectors, block }: ElToritoEntry): BootRecord {
  const path = iso.entries.find((entry) => !entry.directory && entry.offset === block * isoBlockBytes && entry.sizeBytes > 0)?.path ?? null
  return { platform: platformId === 0 ? 'bios' : platformId === 0xef ? 'uefi' : 'other', bootable, loadSectors, block, path }
}

async function secureBootOf(image: RouterImage, iso: OpenIso, boot: readonly BootRecord[]): Promise<IsoFacts['secureBoot']> {
  const uefi = boot.find(({ platform }) => platform === 'uefi')
  const program = (uefi && await fromEfiPartition(image, iso, uefi)) ?? await fromIsoTree(iso)
  if (!program) return { shim: false, signer: null }
  // shim's banner since its first version.
  return { shim: program.includes('UEFI SHIM'), signer: peSigner(program) ?? null }
}

/** What the firmware starts lies in a FAT image; mtools reads it in place. */
async function fromEfiPartition({ deps }: RouterImage, iso: OpenIso, { block }: BootRecord): Promise<Buffer | undefined> {
  const file = join(deps.workDir, 'boot.efi')
  // mtools reads `@@` as the end of a name, and the image's own name may have one.
  const link = join(deps.workDir, 'boot.iso')
  try {
    await symlink(resolve(iso.source.path), link)
    await deps.exec(['prlimit', `--fsize=${String(maxEfiBytes)}`, 'mcopy', '-n', '-i', `${link}@@${String(block * isoBlockBytes)}`, `::/${efiProgram}`, file], {
      doing: 'read the EFI partition', env: { MTOOLS_SKIP_CHECK: '1' }, timeoutMs: 20_000, tolerated: true,
    })
    return await readFile(file)
  } catch {
    // No such program there, or no FAT: nothing to say about Secure Boot.
    return undefined
  } finally {
    for (const path of [file, link]) await rm(path, { force: true })
  }
}

async function fromIsoTree(iso: OpenIso): Promise<Buffer | undefined> {
  const entry = iso.entries.find(({ path, directory }) => !directory && path.toUpperCase() === efiProgram)
  return entry && entry.sizeBytes <= maxEfiBytes ? iso.file9660(entry.path) : undefined
}

async function checksumFileOf(iso: OpenIso): Promise<IsoFacts['checksumFile']> {
  for (const [path, algorithm] of checksumFiles) {
    const text = (await iso.file9660(path))?.toString('utf8')
    if (text === undefined) continue
    const paths = [...text.matchAll(/^\\?[0-9a-f]{32,128} [ *](?:\.\/)?(.+)$/gm)].map((match) => match[1] ?? '')
    return { path, algorithm, entries: paths.length, coversSquashfs: paths.includes(iso.squashfsEntry.path) }
  }
  return null
}
