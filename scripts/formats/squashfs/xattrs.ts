import type { ByteSource } from '../byte-source.ts'
import { damagedSquashfs } from './damage.ts'
import { findBlocks, readIndexedTable, tableOf } from './metadata.ts'
import { superblockBytes, type Superblock } from './superblock.ts'
import type { Unpack } from './unpack.ts'

/** An extended attribute. Names and values are bytes, one a character. */
export interface Xattr {
  /** 0 user, 1 trusted, 2 security. */
  namespace: number
  /** Without the namespace. */
  name: string
  value: string
}

const elsewhere = 0x100
const idBytes = 16
/** A value may be used by many, each of them up to 64 KiB. */
const maxTotalBytes = 64 * 1048576

/**
 * The sets of extended attributes, by the number that inodes have; empty when the image has none.
 * @throws ForgeError E_SQUASHFS
 */
export async function readXattrs(source: ByteSource, { xattrTable, bytesUsed }: Superblock, unpack: Unpack): Promise<Xattr[][]> {
  if (xattrTable === undefined) return []
  const { name } = source
  const header = await source.read(xattrTable, 16)
  const [start, ids] = [Number(header.readBigUInt64LE(0)), header.readUInt32LE(8)]
  if (ids === 0) return []
  if (start < superblockBytes || start >= xattrTable || xattrTable + 16 > bytesUsed) throw damagedSquashfs(name, `its extended attributes lie at ${String(start)}, which is not in front of their table`, xattrTable)
  const entries = await readIndexedTable(source, xattrTable + 16, ids, idBytes, unpack, 'table of extended attributes')
  const end = Number((await source.read(xattrTable + 16, 8)).readBigUInt64LE(0))
  const found = await findBlocks(source, start, end, 'extended attributes')
  const table = tableOf(name, 'extended attributes', found.positions, await unpack(found.blocks))
  const { data } = table
  let total = 0
  const damaged = (what: string, at: number): never => { throw damagedSquashfs(name, `its extended attributes ${what} (unpacked)`, at) }
  const text = (at: number, length: number): string => {
    total += length
    if (at + length > data.length || total > maxTotalBytes) damaged(`would take ${String(length)} bytes at ${String(at)}`, at)
    return data.toString('latin1', at, at + length)
  }
  const valueAt = (at: number): string => at + 4 > data.length ? damaged('end inside a value', at) : text(at + 4, data.readUInt32LE(at))
  const referenceAt = (bytes: Buffer, at: number): number => table.at(Number(bytes.readBigUInt64LE(at) >> 16n), bytes.readUInt16LE(at))

  const sets: Xattr[][] = []
  for (let id = 0; id < ids; id += 1) {
    let at = referenceAt(entries, id * idBytes)
    const count = entries.readUInt32LE(id * idBytes + 8)
    const set: Xattr[] = []
    for (let index = 0; index < count; index += 1) {
      if (at + 4 > data.length) damaged('end inside a name', at)
      const type = data.readUInt16LE(at)
      const namespace = type & 0xff
      if (namespace > 2) damaged(`have the unknown namespace ${String(namespace)}`, at)
      const nameLength = data.readUInt16LE(at + 2)
      const xattrName = text(at + 4, nameLength)
      at += 4 + nameLength
      if (at + 4 > data.length) damaged('end inside a value', at)
      const inline = data.readUInt32LE(at)
      if ((type & elsewhere) !== 0 && (inline !== 8 || at + 12 > data.length)) damaged('point nowhere', at)
      set.push({ namespace, name: xattrName, value: (type & elsewhere) === 0 ? valueAt(at) : valueAt(referenceAt(data, at + 4)) })
      at += 4 + inline
    }
    sets.push(set)
  }
  return sets
}

/** Collects sets of extended attributes, each once. */
export class XattrSets {
  readonly #ids = new Map<string, number>()
  readonly #sets: Buffer[] = []
  readonly #counts: number[] = []

  /** The number of a set; undefined for an empty one. */
  add(set: readonly Xattr[]): number | undefined {
    if (set.length === 0) return undefined
    const bytes = Buffer.concat(set.map(encoded))
    const key = bytes.toString('latin1')
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    this.#ids.set(key, this.#sets.length)
    this.#counts.push(set.length)
    this.#sets.push(bytes)
    return this.#sets.length - 1
  }

  /** Every set in the order of its number: its bytes, and how many attributes it has. */
  get sets(): readonly { bytes: Buffer; count: number }[] {
    return this.#sets.map((bytes, index) => ({ bytes, count: this.#counts[index] ?? 0 }))
  }
}

function encoded({ namespace, name, value }: Xattr): Buffer {
  const bytes = Buffer.alloc(8 + name.length + value.length)
  bytes.writeUInt16LE(namespace, 0)
  bytes.writeUInt16LE(name.length, 2)
  bytes.write(name, 4, 'latin1')
  bytes.writeUInt32LE(value.length, 4 + name.length)
  bytes.write(value, 8 + name.length, 'latin1')
  return bytes
}
