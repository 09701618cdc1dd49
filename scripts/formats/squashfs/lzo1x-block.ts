import { copyMatch } from './lz4-block.ts'
import { matchesIn } from './matches.ts'

/**
 * Unpacks one raw LZO1X stream (Documentation/staging/lzo.rst of the kernel). Returns undefined for damaged bytes and for
 * what would be longer than `maxBytes`.
 */
export function unpackLzo1xBlock(packed: Buffer, maxBytes: number): Buffer | undefined {
  const output = Buffer.allocUnsafe(maxBytes)
  let from = 0
  let to = 0
  /** How many literals the instruction before asked for: 0 to 3, or 4 for a run of more. It changes what a small code means. */
  let state = 0

  /** A length of 0 goes on: each zero byte is 255, the first other byte ends it. */
  const longLength = (base: number): number => {
    let length = base
    while (packed[from] === 0) {
      length += 255
      from += 1
    }
    length += packed[from] ?? NaN
    from += 1
    return length
  }
  const literals = (count: number): boolean => {
    // NaN, from a length without an end, compares false.
    if (!(from + count <= packed.length && to + count <= maxBytes)) return false
    packed.copy(output, to, from, from + count)
    from += count
    to += count
    return true
  }

  // The first byte has a meaning of its own: above 17, a run of literals.
  const first = packed[0] ?? 0
  if (first > 17) {
    from = 1
    if (!literals(first - 17)) return undefined
    state = Math.min(first - 17, 4)
  }
  while (from < packed.length) {
    const code = packed[from] ?? 0
    from += 1
    let length: number
    let distance: number
    let following: number
    if (code >= 64) {
      // 1LLDDDSS or 01LDDDSS, and eight more bits of the distance.
      length = (code >> 5) + 1
      distance = ((packed[from] ?? NaN) << 3) + ((code >> 2) & 7) + 1
      from += 1
      following = code & 3
    } else if (code >= 32) {
      // 001LLLLL
      length = ((code & 31) === 0 ? longLength(31) : code & 31) + 2
      if (from + 2 > packed.length) return undefined
      const word = packed.readUInt16LE(from)
      from += 2
      distance = (word >> 2) + 1
      following = word & 3
    } else if (code >= 16) {
      // 0001HLLL; a distance of 16384 ends the stream.
      length = ((code & 7) === 0 ? longLength(7) : code & 7) + 2
      if (from + 2 > packed.length) return undefined
      const word = packed.readUInt16LE(from)
      from += 2
      distance = 16384 + ((code & 8) << 11) + (word >> 2)
      following = word & 3
      if (distance === 16384) return length === 3 && from === packed.length ? output.subarray(0, to) : undefined
    } else if (state === 0) {
      // A run of literals.
      if (!literals((code === 0 ? longLength(15) : code) + 3)) return undefined
      state = 4
      continue
    } else {
      // After literals, a short match near by; after a long run of them, a little farther away.
      length = state === 4 ? 3 : 2
      distance = ((packed[from] ?? NaN) << 2) + (code >> 2) + (state === 4 ? 2049 : 1)
      from += 1
      following = code & 3
    }
    if (!(from <= packed.length && distance <= to && to + length <= maxBytes)) return undefined
    to = copyMatch(output, to, distance, length)
    if (!literals(following)) return undefined
    state = following
  }
  return undefined
}

/** Packs a block of at most 16 KiB, so that the one kind of match that is used here, 001LLLLL, reaches all of it. */
export function packLzo1xBlock(block: Buffer): Buffer {
  const parts: Buffer[] = []
  /** The word of the match before; its two low bits say how many literals follow, if they are no run of their own. */
  let word: Buffer | undefined
  const literals = (from: number, to: number): void => {
    const count = to - from
    if (count === 0) return
    if (word === undefined && count <= 238) parts.push(Buffer.from([17 + count]))
    else if (word !== undefined && count < 4) word[0] = (word[0] ?? 0) | count
    else parts.push(Buffer.from(count <= 18 ? [count - 3] : [0, ...longLength(count - 18)]))
    parts.push(block.subarray(from, to))
  }
  let end = 0
  for (const match of matchesIn(block)) {
    literals(match.literals, match.at)
    parts.push(Buffer.from(match.length <= 33 ? [32 | (match.length - 2)] : [32, ...longLength(match.length - 33)]))
    word = Buffer.alloc(2)
    word.writeUInt16LE((match.distance - 1) << 2)
    parts.push(word)
    end = match.at + match.length
  }
  literals(end, block.length)
  return Buffer.concat([...parts, Buffer.from([0x11, 0, 0])])
}

/** Zeros for 255 each, then the rest, which is none. */
function longLength(length: number): number[] {
  return [...Array.from({ length: Math.floor((length - 1) / 255) }, () => 0), (length - 1) % 255 + 1]
}
