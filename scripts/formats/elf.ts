import { ForgeError } from '../lib/errors.ts'

/** A section of an ELF64 little-endian file. */
export interface ElfSection {
  name: string
  type: number
  link: number
  /** The section's bytes; empty for sections without any in the file. */
  data: Buffer
}

export interface ElfSymbol {
  name: string
  /** Not defined in this file: to be found elsewhere. */
  undefined: boolean
  weak: boolean
  /** Where it is defined; 0xfff1 says that `value` is the value itself, not a place. */
  sectionIndex: number
  /** Offset in that section. */
  value: number
}

/** A relocatable ELF64 object (a kernel module), read far enough to judge it. */
export interface ElfObject {
  /** e_machine: 62 is x86-64. */
  machine: number
  section: (name: string) => ElfSection | undefined
  sectionAt: (index: number) => ElfSection | undefined
  symbols: () => ElfSymbol[]
}

const headerSize = 64
const sectionHeaderSize = 64
const symbolSize = 24
const noBits = 8
const symbolTable = 2
/** The largest of Debian's modules has some ten thousand. */
const maxSymbols = 1_000_000
/** The longest name that the kernel knows (KSYM_NAME_LEN). One long text may be the name of everything in a file. */
const maxNameBytes = 512

/**
 * Reads an ELF64 little-endian relocatable file. Every offset and size in it is distrusted.
 * @throws ForgeError E_ELF naming the file and the field that is wrong
 */
export function parseElf(bytes: Buffer, fileName: string): ElfObject {
  const damaged = (what: string): ForgeError => new ForgeError('E_ELF', `${fileName}: ${what}`, { hint: 'the file is truncated or not a kernel module for this architecture' })
  if (bytes.length < headerSize || bytes.readUInt32BE(0) !== 0x7f454c46) throw damaged('not an ELF file')
  if (bytes[4] !== 2 || bytes[5] !== 1) throw damaged('not a 64-bit little-endian ELF file')
  if (bytes.readUInt16LE(16) !== 1) throw damaged('not a relocatable object')
  const tableOffset = Number(bytes.readBigUInt64LE(40))
  const entrySize = bytes.readUInt16LE(58)
  const count = bytes.readUInt16LE(60)
  const namesIndex = bytes.readUInt16LE(62)
  if (entrySize !== sectionHeaderSize || tableOffset + count * entrySize > bytes.length) throw damaged('its section table lies outside the file')

  const raw = Array.from({ length: count }, (_unused, index) => {
    const at = tableOffset + index * entrySize
    const type = bytes.readUInt32LE(at + 4)
    const offset = Number(bytes.readBigUInt64LE(at + 24))
    const size = Number(bytes.readBigUInt64LE(at + 32))
    if (type !== noBits && type !== 0 && offset + size > bytes.length) throw damaged(`section ${String(index)} lies outside the file`)
    return { nameAt: bytes.readUInt32LE(at), type, link: bytes.readUInt32LE(at + 40), data: type === noBits || type === 0 ? Buffer.alloc(0) : bytes.subarray(offset, offset + size) }
  })
  const names = raw[namesIndex]?.data
  if (!names) throw damaged('it has no section names')
  const sections: ElfSection[] = raw.map(({ nameAt, type, link, data }) => ({ name: textAt(names, nameAt), type, link, data }))

  return {
    machine: bytes.readUInt16LE(18),
    section: (name) => sections.find((section) => section.name === name),
    sectionAt: (index) => sections[index],
    symbols: () => {
      const table = sections.find((section) => section.type === symbolTable)
      const strings = table && sections[table.link]?.data
      if (!table || !strings) return []
      if (table.data.length / symbolSize > maxSymbols) throw damaged(`it has more than ${String(maxSymbols)} symbols`)
      return Array.from({ length: Math.floor(table.data.length / symbolSize) }, (_unused, index) => {
        const at = index * symbolSize
        return {
          name: textAt(strings, table.data.readUInt32LE(at)),
          undefined: table.data.readUInt16LE(at + 6) === 0,
          weak: (table.data[at + 4] ?? 0) >> 4 === 2,
          sectionIndex: table.data.readUInt16LE(at + 6),
          value: Number(table.data.readBigUInt64LE(at + 8)),
        }
      }).filter((symbol) => symbol.name !== '')
    },
  }
}

/** The NUL-terminated text at an offset, cut off where no honest name goes on. */
export function textAt(data: Buffer, offset: number): string {
  const text = data.subarray(offset, offset + maxNameBytes)
  const end = text.indexOf(0)
  return text.toString('utf8', 0, end < 0 ? text.length : end)
}
