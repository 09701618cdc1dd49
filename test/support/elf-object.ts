export interface ObjectSymbol {
  name: string
  /** In section 1, unless `section` says where. */
  defined?: boolean
  weak?: boolean
  section?: number
  value?: number
}

export interface ObjectParts {
  /** `.modinfo` as it stands in the file: `name=jool`. */
  info?: readonly string[]
  /** `__versions`: symbol and CRC. */
  versions?: Readonly<Record<string, number>>
  /** `__version_ext_names` and `__version_ext_crcs`. */
  extendedVersions?: Readonly<Record<string, number>>
  symbols?: readonly ObjectSymbol[]
  /** More sections, behind the others: the first is number 4, plus one for each part above that is given. */
  sections?: readonly { name: string; data: Buffer }[]
}

/** A relocatable ELF64 object written by hand: sections' data, then names, then the section table. */
export function elfObject({ info, versions, extendedVersions, symbols = [], sections: more = [] }: ObjectParts): Buffer {
  const strings = stringTable(symbols.map((symbol) => symbol.name))
  const sections: { name: string; type: number; link?: number; data: Buffer }[] = [
    { name: '', type: 0, data: Buffer.alloc(0) },
    { name: '.strtab', type: 3, data: strings.data },
    { name: '.symtab', type: 2, link: 1, data: Buffer.concat([Buffer.alloc(24), ...symbols.map((symbol) => symbolEntry(strings.at(symbol.name), symbol))]) },
    { name: '.bss', type: 8, data: Buffer.alloc(0) },
  ]
  if (info) sections.push({ name: '.modinfo', type: 1, data: Buffer.from(info.map((item) => `${item}\0`).join('')) })
  if (versions) sections.push({ name: '__versions', type: 1, data: Buffer.concat(Object.entries(versions).map(([name, crc]) => versionEntry(name, crc))) })
  if (extendedVersions) {
    sections.push({ name: '__version_ext_crcs', type: 1, data: Buffer.concat(Object.values(extendedVersions).map(word)) })
    sections.push({ name: '__version_ext_names', type: 1, data: Buffer.from(Object.keys(extendedVersions).map((name) => `${name}\0`).join('')) })
  }
  sections.push(...more.map(({ name, data }) => ({ name, type: 1, data })))
  if (info) sections.push({ name: '.gnu.linkonce.this_module', type: 1, data: Buffer.alloc(64) })
  const names = stringTable([...sections.map((section) => section.name), '.shstrtab'])
  sections.push({ name: '.shstrtab', type: 3, data: names.data })

  const table = Buffer.alloc(sections.length * 64)
  let at = 64
  for (const [index, { name, type, link = 0, data }] of sections.entries()) {
    table.writeUInt32LE(names.at(name), index * 64)
    table.writeUInt32LE(type, index * 64 + 4)
    table.writeBigUInt64LE(BigInt(at), index * 64 + 24)
    // .bss claims bytes that the file does not have.
    table.writeBigUInt64LE(BigInt(type === 8 ? 1 << 20 : data.length), index * 64 + 32)
    table.writeUInt32LE(link, index * 64 + 40)
    at += data.length
  }
  const file = Buffer.alloc(64)
  file.write('\x7fELF\x02\x01\x01', 0, 'latin1')
  file.writeUInt16LE(1, 16)
  file.writeUInt16LE(62, 18)
  file.writeBigUInt64LE(BigInt(at), 40)
  file.writeUInt16LE(64, 58)
  file.writeUInt16LE(sections.length, 60)
  file.writeUInt16LE(sections.length - 1, 62)
  return Buffer.concat([file, ...sections.map((section) => section.data), table])
}

function stringTable(words: readonly string[]): { data: Buffer; at: (word: string) => number } {
  const places = new Map<string, number>([['', 0]])
  let text = '\0'
  for (const name of words) {
    if (places.has(name)) continue
    places.set(name, text.length)
    text += `${name}\0`
  }
  return { data: Buffer.from(text), at: (name) => places.get(name) ?? 0 }
}

function symbolEntry(nameAt: number, { defined = false, weak = false, section = defined ? 1 : 0, value = 0 }: ObjectSymbol): Buffer {
  const entry = Buffer.alloc(24)
  entry.writeUInt32LE(nameAt, 0)
  entry[4] = (weak ? 2 : 1) << 4
  entry.writeUInt16LE(section, 6)
  entry.writeBigUInt64LE(BigInt(value), 8)
  return entry
}

function versionEntry(name: string, crc: number): Buffer {
  const entry = Buffer.alloc(64)
  entry.writeUInt32LE(crc, 0)
  entry.write(name, 8)
  return entry
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
