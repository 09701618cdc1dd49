import { ForgeError } from '../lib/errors.ts'
import type { ByteSource } from './byte-source.ts'
import { textAt } from './elf.ts'
import { parseCertificate, type Certificate } from './x509.ts'

/** A symbol that the kernel itself exports. */
export interface KernelExport {
  /** Undefined when the kernel has no CRCs (no MODVERSIONS). */
  crc: number | undefined
  gplOnly: boolean
  /** Only modules that say `import_ns=` of it get the symbol; undefined for the most, which are in none. */
  namespace?: string
}

/** A section of the unpacked kernel, by position. */
interface Section { name: string; type: number; address: number; offset: number; sizeBytes: number }

/** The unpacked kernel: an ELF file without symbols, but with the tables that its module loader uses. */
export interface Vmlinux {
  source: ByteSource
  sections: readonly Section[]
}

const maxTableBytes = 32 * 1048576
/** Debian's kernels export thirty thousand. */
const maxExports = 500_000
const noBits = 8
const scanStep = 1 << 20

/** Reads headers only. @throws ForgeError E_KERNEL_IMAGE */
export async function openVmlinux(source: ByteSource): Promise<Vmlinux> {
  const damaged = (what: string, at: number): ForgeError => damagedKernel(source, what, at)
  if (source.sizeBytes < 64) throw damaged('it is too short for an ELF file', source.sizeBytes)
  const header = await source.read(0, 64)
  if (header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1) throw damaged('it is not a 64-bit little-endian ELF file', 0)
  const tableAt = Number(header.readBigUInt64LE(40))
  const [entryBytes, count, namesIndex] = [header.readUInt16LE(58), header.readUInt16LE(60), header.readUInt16LE(62)]
  if (entryBytes !== 64 || tableAt + count * 64 > source.sizeBytes) throw damaged('its section table lies outside of it', 40)
  const table = await source.read(tableAt, count * 64)
  const raw = Array.from({ length: count }, (_unused, index) => {
    const at = index * 64
    const section = { nameAt: table.readUInt32LE(at), type: table.readUInt32LE(at + 4), address: Number(BigInt.asUintN(48, table.readBigUInt64LE(at + 16))), offset: Number(table.readBigUInt64LE(at + 24)), sizeBytes: Number(table.readBigUInt64LE(at + 32)) }
    if (section.type !== noBits && section.type !== 0 && section.offset + section.sizeBytes > source.sizeBytes) throw damaged(`section ${String(index)} lies outside of it`, tableAt + at)
    return section
  })
  const namesAt = raw[namesIndex]
  if (!namesAt || namesAt.sizeBytes > 1048576) throw damaged('it has no section names', 62)
  const names = await source.read(namesAt.offset, namesAt.sizeBytes)
  return { source, sections: raw.map(({ nameAt, ...section }) => ({ ...section, name: textAt(names, nameAt) })) }
}

/**
 * The symbols that the kernel exports to modules, as its own loader finds them: `__ksymtab` and `__ksymtab_gpl` name them,
 * `__kcrctab` and `__kcrctab_gpl` have their CRCs, in the same order.
 * @throws ForgeError E_KERNEL_IMAGE
 */
export async function kernelExports(vmlinux: Vmlinux): Promise<Map<string, KernelExport>> {
  const exports = new Map<string, KernelExport>()
  const strings = sectionOf(vmlinux, '__ksymtab_strings')
  if (!strings) return exports
  const names = await contents(vmlinux, strings)
  for (const [suffix, gplOnly] of [['', false], ['_gpl', true]] as const) {
    const table = sectionOf(vmlinux, `__ksymtab${suffix}`)
    if (!table || table.sizeBytes === 0) continue
    const crcs = sectionOf(vmlinux, `__kcrctab${suffix}`)
    const symbols = await contents(vmlinux, table)
    if (symbols.length / 8 > maxExports) throw damagedKernel(vmlinux.source, `${table.name} has an absurd size of ${String(table.sizeBytes)} bytes`, table.offset)
    const crcBytes = crcs && await contents(vmlinux, crcs)
    for (const [index, { name, namespace }] of namesOf(vmlinux, table, symbols, strings, names, crcBytes && crcBytes.length / 4).entries()) {
      exports.set(name, { crc: crcBytes?.readUInt32LE(index * 4), gplOnly, ...(namespace === '' ? {} : { namespace }) })
    }
  }
  return exports
}

/** Entries are three words relative to their own places since 5.4, two before, or absolute addresses on old architectures. */
const layouts: readonly { bytes: number; nameAt: number; namespaceAt?: number; relative: boolean }[] = [
  { bytes: 12, nameAt: 4, namespaceAt: 8, relative: true }, { bytes: 8, nameAt: 4, relative: true }, { bytes: 24, nameAt: 8, namespaceAt: 16, relative: false }, { bytes: 16, nameAt: 8, relative: false },
]

function namesOf(vmlinux: Vmlinux, table: Section, symbols: Buffer, strings: Section, names: Buffer, count: number | undefined): { name: string; namespace: string }[] {
  for (const { bytes, nameAt, namespaceAt, relative } of layouts) {
    if (symbols.length % bytes !== 0 || (count !== undefined && symbols.length / bytes !== count)) continue
    const found: { name: string; namespace: string }[] = []
    const textOf = (field: number): string => {
      const place = relative ? table.address + field + symbols.readInt32LE(field) : Number(BigInt.asUintN(48, symbols.readBigUInt64LE(field)))
      const offset = place - strings.address
      return offset < 0 || offset >= names.length ? '' : textAt(names, offset)
    }
    for (let at = 0; at < symbols.length; at += bytes) {
      // A name may be the end of another: the linker merges them.
      const name = textOf(at + nameAt)
      if (name === '') break
      found.push({ name, namespace: namespaceAt === undefined ? '' : textOf(at + namespaceAt) })
    }
    if (found.length === symbols.length / bytes) return found
  }
  throw damagedKernel(vmlinux.source, `its table of exported symbols ${table.name} has no known layout`, table.offset)
}

export interface KernelTexts {
  /** Certificates in the built-in keyring: they vouch for modules. */
  certificates: Certificate[]
  /** What `modinfo -F vermagic` must say of a module for this kernel. */
  vermagic: string | undefined
  /** The `.config` inside the kernel (IKCONFIG), still packed with gzip. */
  packedConfig: Buffer | undefined
}

const certificateStart = Buffer.from('a003020102', 'hex')
const maxCertificateBytes = 65536
/** A kernel has about ten certificates and places that look like one; looking at a million would be a way to keep us busy. */
const maxCandidates = 500

/**
 * Looks through the whole kernel once for what no table points to.
 * @throws ForgeError E_KERNEL_IMAGE
 */
export async function kernelTexts(vmlinux: Vmlinux, release: string): Promise<KernelTexts> {
  const { source } = vmlinux
  const overlap = 1024
  const vermagicStart = Buffer.from(`${release} `)
  const found: KernelTexts = { certificates: [], vermagic: undefined, packedConfig: undefined }
  const window = Buffer.allocUnsafe(scanStep + overlap)
  const seen = { candidates: 0, end: 0 }
  for (let at = 0; at < source.sizeBytes; at += scanStep) {
    const bytes = await source.read(at, Math.min(scanStep + overlap, source.sizeBytes - at), window)
    for (let hit = bytes.indexOf(certificateStart); hit >= 0 && hit < scanStep; hit = bytes.indexOf(certificateStart, hit + 1)) {
      // What was looked at as one of a list does not begin another.
      if (found.certificates.length === 0 && at + hit - 8 >= seen.end) found.certificates = await certificateList(source, at + hit - 8, seen)
    }
    for (let hit = bytes.indexOf(vermagicStart); hit >= 0 && hit < scanStep && found.vermagic === undefined; hit = bytes.indexOf(vermagicStart, hit + 1)) {
      const text = textAt(bytes.subarray(0, hit + 256), hit)
      if (/^\S+ (SMP |preempt |preempt_rt |mod_unload |modversions |aarch64 |RANDSTRUCT\S* )+$/.test(text) && bytes[hit - 1] !== 0x20) found.vermagic = text
    }
    const config = bytes.indexOf('IKCFG_ST')
    // The marks are also in the text of the program that looks for them; gzip's first bytes follow the real one.
    if (found.packedConfig === undefined && config >= 0 && config < scanStep && bytes.readUInt16BE(Math.min(config + 8, bytes.length - 2)) === 0x1f8b) found.packedConfig = await configBehind(source, at + config + 8)
  }
  return found
}

/**
 * The built-in certificates stand one behind the other, and behind them, on the next multiple of 8, stands how long they are
 * together (certs/system_certificates.S). Other certificates in a kernel do not vouch for modules and have no such word.
 * @throws ForgeError E_KERNEL_IMAGE when there are too many to look at
 */
async function certificateList(source: ByteSource, start: number, seen: { candidates: number; end: number }): Promise<Certificate[]> {
  if (start < 0) return []
  const list: Certificate[] = []
  let at = start
  for (;;) {
    seen.candidates += 1
    if (seen.candidates > maxCandidates) throw damagedKernel(source, `it has more than ${String(maxCandidates)} certificates, or places that look like one`, at)
    const bytes = await source.read(at, Math.min(maxCertificateBytes, source.sizeBytes - at))
    const certificate = certificateAt(bytes)
    if (!certificate) break
    list.push(certificate)
    at += certificate.x509.raw.length
    seen.end = at
  }
  const sizeAt = Math.ceil(at / 8) * 8
  if (list.length === 0 || sizeAt + 8 > source.sizeBytes) return []
  return Number((await source.read(sizeAt, 8)).readBigUInt64LE(0)) === at - start ? list : []
}

function certificateAt(bytes: Buffer): Certificate | undefined {
  if (bytes.length < 16 || bytes.readUInt16BE(0) !== 0x3082 || bytes.readUInt16BE(4) !== 0x3082) return undefined
  try {
    return parseCertificate(bytes)
  } catch {
    return undefined
  }
}

async function configBehind(source: ByteSource, at: number): Promise<Buffer | undefined> {
  const bytes = await source.read(at, Math.min(scanStep, source.sizeBytes - at))
  const end = bytes.indexOf('IKCFG_ED')
  return end < 0 ? undefined : bytes.subarray(0, end)
}

function sectionOf(vmlinux: Vmlinux, name: string): Section | undefined {
  return vmlinux.sections.find((section) => section.name === name && section.type !== noBits)
}

async function contents({ source }: Vmlinux, section: Section): Promise<Buffer> {
  if (section.sizeBytes > maxTableBytes) throw damagedKernel(source, `${section.name} has an absurd size of ${String(section.sizeBytes)} bytes`, section.offset)
  return source.read(section.offset, section.sizeBytes)
}

function damagedKernel(source: ByteSource, what: string, position: number): ForgeError {
  return new ForgeError('E_KERNEL_IMAGE', `${source.name}: ${what} (byte ${String(position)} of the unpacked kernel)`, { hint: 'the kernel image is damaged; get it again' })
}
