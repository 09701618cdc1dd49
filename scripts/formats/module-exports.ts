import { parseElf, textAt } from './elf.ts'
import type { KernelExport } from './vmlinux.ts'

const absolute = 0xfff1
const prefix = '__crc_'
const entryPrefix = '__ksymtab_'
const namespacePrefix = '__kstrtabns_'

/**
 * The symbols that a kernel module exports to others. `__crc_NAME` is the CRC itself (kernels before 5.19) or the place in
 * `__kcrctab` where it stands.
 * @throws ForgeError E_ELF
 */
export function moduleExports(bytes: Buffer, fileName: string): Map<string, KernelExport> {
  const elf = parseElf(bytes, fileName)
  const symbols = elf.symbols()
  const crcs = new Map<string, number>()
  for (const { name, sectionIndex, value } of symbols) {
    if (!name.startsWith(prefix)) continue
    const table = elf.sectionAt(sectionIndex)
    if (sectionIndex === absolute) crcs.set(name.slice(prefix.length), value >>> 0)
    else if (table && value + 4 <= table.data.length) crcs.set(name.slice(prefix.length), table.data.readUInt32LE(value))
  }
  const exports = new Map([...crcs].map(([name, crc]): [string, KernelExport] => [name, { crc, gplOnly: false }]))
  for (const { name, sectionIndex } of symbols) {
    const table = elf.sectionAt(sectionIndex)?.name
    if (!name.startsWith(entryPrefix) || table === undefined) continue
    const symbol = name.slice(entryPrefix.length)
    exports.set(symbol, { crc: crcs.get(symbol), gplOnly: /^_*ksymtab_gpl/.test(table) })
  }
  for (const { name, sectionIndex, value } of symbols) {
    const found = name.startsWith(namespacePrefix) ? exports.get(name.slice(namespacePrefix.length)) : undefined
    const texts = elf.sectionAt(sectionIndex)?.data
    const namespace = texts && value < texts.length ? textAt(texts, value) : ''
    if (found && namespace !== '') found.namespace = namespace
  }
  return exports
}
