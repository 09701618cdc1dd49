export interface KernelParts {
  release?: string
  exports?: Readonly<Record<string, number>>
  gplExports?: Readonly<Record<string, number>>
  /** By symbol, the namespace that it is in. */
  namespaces?: Readonly<Record<string, string>>
  /** `__ksymtab` of kernels before 5.4: two words an entry. */
  oldLayout?: boolean
  /** Put behind the tables as it is: certificates with their size, vermagic, a configuration. */
  rodata?: Buffer
}

const base = 0xffffffff81000000n

/** An unpacked kernel by hand: an ELF file with the sections that the module loader reads, and no symbols. */
export function vmlinuxFile({ exports = {}, gplExports = {}, namespaces = {}, oldLayout = false, rodata = Buffer.alloc(0) }: KernelParts = {}): Buffer {
  const strings = ['', ...Object.keys(exports), ...Object.keys(gplExports), ...Object.values(namespaces)]
  const stringPlaces = new Map<string, number>()
  let text = ''
  for (const word of strings) {
    stringPlaces.set(word, text.length)
    text += `${word}\0`
  }
  const entryBytes = oldLayout ? 8 : 12
  const tables: { name: string; data: Buffer }[] = [
    { name: '', data: Buffer.alloc(0) },
    { name: '__ksymtab', data: Buffer.alloc(Object.keys(exports).length * entryBytes) },
    { name: '__ksymtab_gpl', data: Buffer.alloc(Object.keys(gplExports).length * entryBytes) },
    { name: '__kcrctab', data: crcs(Object.values(exports)) },
    { name: '__kcrctab_gpl', data: crcs(Object.values(gplExports)) },
    { name: '__ksymtab_strings', data: Buffer.from(text) },
    { name: '.rodata', data: rodata },
  ]
  const names = ['', ...tables.map((table) => table.name).slice(1), '.shstrtab']
  tables.push({ name: '.shstrtab', data: Buffer.from(`${names.join('\0')}\0`) })
  const places: number[] = []
  let at = 64
  for (const { data } of tables) {
    // As the kernel has it: tables on multiples of 8.
    at = Math.ceil(at / 8) * 8
    places.push(at)
    at += data.length
  }
  const stringsAt = places[5] ?? 0
  for (const [table, symbols] of [[1, Object.keys(exports)], [2, Object.keys(gplExports)]] as const) {
    for (const [index, symbol] of symbols.entries()) {
      const field = index * entryBytes + 4
      const put = (text: string, at: number): void => { tables[table]?.data.writeInt32LE(stringsAt + (stringPlaces.get(text) ?? 0) - ((places[table] ?? 0) + at), at) }
      put(symbol, field)
      if (!oldLayout) put(namespaces[symbol] ?? '', field + 4)
    }
  }
  const file = Buffer.alloc(at + tables.length * 64)
  file.write('\x7fELF\x02\x01\x01', 0, 'latin1')
  file.writeUInt16LE(2, 16)
  file.writeUInt16LE(62, 18)
  file.writeBigUInt64LE(BigInt(at), 40)
  file.writeUInt16LE(64, 58)
  file.writeUInt16LE(tables.length, 60)
  file.writeUInt16LE(tables.length - 1, 62)
  let nameAt = 0
  for (const [index, { name, data }] of tables.entries()) {
    data.copy(file, places[index])
    const header = at + index * 64
    file.writeUInt32LE(nameAt, header)
    nameAt += name.length + 1
    file.writeUInt32LE(index === 0 ? 0 : 1, header + 4)
    file.writeBigUInt64LE(base + BigInt(places[index] ?? 0), header + 16)
    file.writeBigUInt64LE(BigInt(places[index] ?? 0), header + 24)
    file.writeBigUInt64LE(BigInt(data.length), header + 32)
  }
  return file
}

/** A kernel image for x86 around a packed kernel, as boot loaders take it. `payload` ends in its unpacked size. */
export function bzImage(payload: Buffer, { release = '6.6.54-vyos' }: { release?: string } = {}): Buffer {
  const setup = Buffer.alloc(1024)
  setup[0x1f1] = 1
  setup.write('HdrS', 0x202)
  setup.writeUInt16LE(0x20f, 0x206)
  setup.writeUInt16LE(0x300 - 0x200, 0x20e)
  setup.writeUInt16LE(1, 0x236)
  setup.writeUInt32LE(16, 0x248)
  setup.writeUInt32LE(payload.length, 0x24c)
  setup.write(`${release} (forge@test) #1 SMP\0`, 0x300)
  return Buffer.concat([setup, Buffer.alloc(16), payload, Buffer.alloc(4096)])
}

/** What a kernel's build appends to what it packed, but for gzip. */
export function withSize(packed: Buffer, unpackedBytes: number): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32LE(unpackedBytes)
  return Buffer.concat([packed, size])
}

function crcs(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4)
  return bytes
}
