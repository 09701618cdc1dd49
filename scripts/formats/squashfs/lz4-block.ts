import { matchesIn } from './matches.ts'

/**
 * Unpacks one raw LZ4 block (lz4_Block_format.md): literals and matches in turn, no header. Returns undefined for damaged
 * bytes and for what would be longer than `maxBytes`.
 */
export function unpackLz4Block(packed: Buffer, maxBytes: number): Buffer | undefined {
  const output = Buffer.allocUnsafe(maxBytes)
  let from = 0
  let to = 0
  /** Lengths of 15 go on in the bytes that follow, until one is not 255. */
  const lengthFrom = (nibble: number): number => {
    let length = nibble
    if (nibble !== 15) return length
    for (let more = 255; more === 255;) {
      more = packed[from] ?? NaN
      from += 1
      length += more
    }
    return length
  }
  while (from < packed.length) {
    const token = packed[from] ?? 0
    from += 1
    const literals = lengthFrom(token >> 4)
    // NaN, from a length without an end, compares false.
    if (!(from + literals <= packed.length && to + literals <= maxBytes)) return undefined
    packed.copy(output, to, from, from + literals)
    from += literals
    to += literals
    // The last sequence is literals only.
    if (from === packed.length) return output.subarray(0, to)
    if (from + 2 > packed.length) return undefined
    const distance = packed.readUInt16LE(from)
    from += 2
    const match = lengthFrom(token & 15) + 4
    if (!(distance > 0 && distance <= to && to + match <= maxBytes)) return undefined
    to = copyMatch(output, to, distance, match)
  }
  return undefined
}

/** Packs a block that is shorter than 64 KiB, from which on a distance would not fit. */
export function packLz4Block(block: Buffer): Buffer {
  const parts: Buffer[] = []
  const sequence = (literals: Buffer, match?: { distance: number; length: number }): void => {
    const [count, length] = [literals.length, match === undefined ? 0 : match.length - 4]
    parts.push(Buffer.from([(Math.min(count, 15) << 4) | Math.min(length, 15), ...moreLength(count)]), literals)
    if (match) parts.push(Buffer.from([match.distance & 0xff, match.distance >> 8, ...moreLength(length)]))
  }
  let end = 0
  for (const { literals, at, distance, length } of matchesIn(block)) {
    sequence(block.subarray(literals, at), { distance, length })
    end = at + length
  }
  sequence(block.subarray(end))
  return Buffer.concat(parts)
}

/** What of a length does not fit into four bits. */
function moreLength(length: number): number[] {
  return length < 15 ? [] : [...Array.from({ length: Math.floor((length - 15) / 255) }, () => 255), (length - 15) % 255]
}

/** Copies byte by byte where source and destination overlap: that repeats a pattern. Returns the new end. */
export function copyMatch(output: Buffer, to: number, distance: number, length: number): number {
  if (distance >= length) output.copyWithin(to, to - distance, to - distance + length)
  else for (let index = to; index < to + length; index += 1) output[index] = output[index - distance] ?? 0
  return to + length
}
