import { createHash } from 'node:crypto'
import type { ByteSource } from '../byte-source.ts'
import { damagedSquashfs } from './damage.ts'
import { GrowingBuffer } from './growing-buffer.ts'
import type { Layout } from './layout.ts'
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

/** Sets of extended attributes, by the number that inodes have. Each is read when asked for: only the unpacked table is in memory. */
export interface XattrTable {
  sets: number
  /** @throws ForgeError E_SQUASHFS */
  set: (id: number) => Xattr[]
}

const elsewhere = 0x100
const idBytes = 16
/** Linux has names of at most 255 bytes, with the namespace, and values of at most 64 KiB. */
const maxNameBytes = 255
const maxValueBytes = 65_536
/** A value may be used by many sets, and an image may have many of these: what all that are asked for may have together. */
const maxTotalBytes = 128 * 1048576
/** What an attribute counts in that sum beside its name and value. */
const attributeBytes = 64

/** @throws ForgeError E_SQUASHFS */
export async function readXattrs(source: ByteSource, { xattrTable, bytesUsed }: Superblock, { ends }: Layout, unpack: Unpack): Promise<XattrTable> {
  if (xattrTable === undefined) return { sets: 0, set: () => { throw damagedSquashfs(source.name, 'an inode has extended attributes, and the image has none', 0) } }
  const { name } = source
  const header = await source.read(xattrTable, 16)
  const [start, ids] = [Number(header.readBigUInt64LE(0)), header.readUInt32LE(8)]
  if (ids === 0) throw damagedSquashfs(name, 'its table of extended attributes is empty', xattrTable + 8)
  const index = xattrTable + 16
  const entries = await readIndexedTable(source, { what: 'table of extended attributes', index, end: ends.get(xattrTable) ?? bytesUsed, endOfBlocks: xattrTable, entries: ids, entryBytes: idBytes }, unpack)
  const end = Number((await source.read(index, 8)).readBigUInt64LE(0))
  if (start < superblockBytes || start >= end) throw damagedSquashfs(name, `its extended attributes lie at ${String(start)}, which is not in front of their table`, xattrTable)
  const found = await findBlocks(source, start, end, 'extended attributes')
  const table = tableOf(name, 'extended attributes', found, await unpack(found.blocks))
  const { data } = table
  let total = 0
  const damaged = (what: string, at: number): never => { throw damagedSquashfs(name, `its extended attributes ${what} (unpacked)`, at) }
  const text = (at: number, length: number): string => {
    if (at + length > data.length) damaged(`would take ${String(length)} bytes at ${String(at)}`, at)
    total += length
    if (total > maxTotalBytes) damaged(`would take more than ${String(maxTotalBytes / 1048576)} MiB`, at)
    return data.toString('latin1', at, at + length)
  }
  const valueAt = (at: number): string => {
    if (at + 4 > data.length) damaged('end inside a value', at)
    const length = data.readUInt32LE(at)
    if (length > maxValueBytes) damaged(`have a value of ${String(length)} bytes`, at)
    return text(at + 4, length)
  }
  const referenceAt = (bytes: Buffer, at: number): number => table.at(Number(bytes.readBigUInt64LE(at) >> 16n), bytes.readUInt16LE(at))

  return {
    sets: ids,
    set: (id) => {
      if (id >= ids) throw damagedSquashfs(name, `an inode has set ${String(id)} of ${String(ids)} sets of extended attributes`, xattrTable)
      let at = referenceAt(entries, id * idBytes)
      const count = entries.readUInt32LE(id * idBytes + 8)
      const set: Xattr[] = []
      for (let number = 0; number < count; number += 1) {
        total += attributeBytes
        if (at + 4 > data.length) damaged('end inside a name', at)
        const type = data.readUInt16LE(at)
        const namespace = type & 0xff
        if (namespace > 2) damaged(`have the unknown namespace ${String(namespace)}`, at)
        const nameLength = data.readUInt16LE(at + 2)
        if (nameLength === 0 || nameLength > maxNameBytes) damaged(`have a name of ${String(nameLength)} bytes`, at)
        const xattrName = text(at + 4, nameLength)
        at += 4 + nameLength
        if (at + 4 > data.length) damaged('end inside a value', at)
        const inline = data.readUInt32LE(at)
        if ((type & elsewhere) !== 0 && (inline !== 8 || at + 12 > data.length)) damaged('point nowhere', at)
        set.push({ namespace, name: xattrName, value: (type & elsewhere) === 0 ? valueAt(at) : valueAt(referenceAt(data, at + 4)) })
        at += 4 + inline
      }
      return set
    },
  }
}

/** Collects sets of extended attributes, each once. */
export class XattrSets {
  readonly #ids = new Map<string, number>()
  readonly #bytes = new GrowingBuffer()
  /** In the order of their numbers: where each is in `bytes`, and how many attributes it has. */
  readonly sets: { at: number; sizeBytes: number; count: number }[] = []

  get bytes(): Buffer { return this.#bytes.bytes }

  /** The number of a set; undefined for an empty one. */
  add(set: readonly Xattr[]): number | undefined {
    if (set.length === 0) return undefined
    const bytes = Buffer.concat(set.map(encoded))
    const key = createHash('sha256').update(bytes).digest('base64')
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    this.#ids.set(key, this.sets.length)
    this.sets.push({ at: this.#bytes.append(bytes), sizeBytes: bytes.length, count: set.length })
    return this.sets.length - 1
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
