import { randomNumbers } from '../random-tree.ts'

/** A part of an image, and how often it is changed. */
interface Region { from: number; to: number; weight: number }

const interesting = [0, 1, 2, 3, 7, 8, 15, 16, 255, 256, 257, 4095, 4096, 8191, 8192, 8193, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]
const superblockFields = [[4, 4], [12, 4], [16, 4], [20, 2], [22, 2], [24, 2], [26, 2], [28, 2], [32, 8], [40, 8], [48, 8], [56, 8], [64, 8], [72, 8], [80, 8], [88, 8]] as const

/** An image with a few bytes that are not as they were: the same for the same seed. Its metadata should not be packed, so that what is changed reaches what reads it. */
export function mutated(good: Buffer, seed: number): Buffer {
  const { below, chance, of } = randomNumbers(seed)
  const bytes = Buffer.from(good)
  const regions = regionsOf(good)
  for (let count = 1 + (chance(0.5) ? 0 : below(4)); count > 0; count -= 1) {
    const { from, to } = regions[below(regions.length)] ?? { from: 0, to: good.length }
    const at = from + below(to - from)
    const width = of([1, 2, 4, 8])
    switch (below(8)) {
      case 0: bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8)); break
      case 1: put(bytes, at, width, of(interesting)); break
      case 2: put(bytes, at, width, number(bytes, at, width) + of([-4, -3, -1, 1, 2, 3, 4, 8, 256])); break
      case 3: bytes.copy(bytes, at, from + below(to - from), Math.min(to, from + below(to - from) + of([1, 2, 4, 8, 12, 16, 32]))); break
      case 4: swapEntries(bytes, good, below); break
      case 5: {
        const [field, size] = of(superblockFields)
        put(bytes, field, size, chance(0.5) ? of(interesting) : chance(0.5) ? below(good.length) : number(bytes, field, size) + of([-8, -2, -1, 1, 2, 8]))
        break
      }
      case 6: put(bytes, at, 8, chance(0.5) ? below(good.length) : number(bytes, at, 8) + of([-1, 1, 2, 16])); break
      default: put(bytes, at, width, below(2 ** 32))
    }
  }
  return chance(0.02) ? bytes.subarray(0, below(bytes.length)) : bytes
}

function regionsOf(good: Buffer): Region[] {
  const table = (at: number): number => Number(good.readBigUInt64LE(at))
  const places = [[72, 8], [64, 10], [80, 3], [88, 1], [48, 2], [56, 5]].flatMap(([field = 0, weight = 0]) => table(field) < good.length ? [{ from: table(field), weight }] : [])
  // Each region ends where the next begins; what is found through an index has its blocks in front of that.
  const starts = [...places.map(({ from }) => from), good.length].sort((one, other) => one - other)
  const regions: Region[] = [{ from: 96, to: table(64), weight: 1 }, ...places.map(({ from, weight }) => ({ from: Math.max(96, from - 40), to: Math.min(good.length, starts.find((start) => start > from) ?? good.length), weight }))]
  return regions.filter(({ from, to }) => to > from).flatMap((region) => Array.from({ length: region.weight }, () => region))
}

/** Lets one name lead where another does: folders into themselves and the like. */
function swapEntries(bytes: Buffer, good: Buffer, below: (limit: number) => number): void {
  const entries = entriesOf(good)
  if (entries.length === 0) return
  const [one, other] = [entries[below(entries.length)] ?? 0, entries[below(entries.length)] ?? 0]
  good.copy(bytes, one, other, other + 6)
}

/** Where each entry of the folders lies, if the table is one block that is stored as it is. */
function entriesOf(good: Buffer): number[] {
  const start = Number(good.readBigUInt64LE(72)) + 2
  const end = start + (good.readUInt16LE(start - 2) & 0x7fff)
  const found: number[] = []
  if ((good.readUInt16LE(start - 2) & 0x8000) === 0) return found
  for (let at = start; at + 12 < end;) {
    const count = good.readUInt32LE(at) + 1
    at += 12
    for (let index = 0; index < count && at + 8 < end; index += 1) {
      found.push(at)
      at += 8 + good.readUInt16LE(at + 6) + 1
    }
  }
  return found
}

function number(bytes: Buffer, at: number, width: number): number {
  return at + width > bytes.length ? 0 : width === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUIntLE(at, width)
}

function put(bytes: Buffer, at: number, width: number, value: number): void {
  if (at + width > bytes.length) return
  if (width === 8) bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(Math.trunc(value))), at)
  else bytes.writeUIntLE((value % 2 ** (8 * width) + 2 ** (8 * width)) % 2 ** (8 * width), at, width)
}
