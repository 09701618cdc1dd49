/** Bytes that were there before: `length` of them, `distance` back. The bytes since the last match, from `literals` on, were not. */
export interface Match {
  literals: number
  at: number
  distance: number
  length: number
}

const minLength = 4
/** What LZ4 wants at a block's end: no match begins in the last twelve bytes or reaches into the last five. */
const lastStart = 12
const lastBytes = 5
const hashBits = 12

/** Looks for repetitions, for the last place only that looks the same: quick, and enough for inodes and listings. */
export function* matchesIn(block: Buffer): Generator<Match> {
  const seen = new Int32Array(1 << hashBits).fill(-1)
  let literals = 0
  for (let at = 0; at + lastStart <= block.length;) {
    const word = block.readInt32LE(at)
    const hash = Math.imul(word, 0x9e3779b1) >>> (32 - hashBits)
    const before = seen[hash] ?? -1
    seen[hash] = at
    if (before < 0 || block.readInt32LE(before) !== word) {
      at += 1
      continue
    }
    let length = minLength
    while (at + length < block.length - lastBytes && block[before + length] === block[at + length]) length += 1
    yield { literals, at, distance: at - before, length }
    at += length
    literals = at
  }
}
