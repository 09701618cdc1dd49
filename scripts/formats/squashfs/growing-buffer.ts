/** Bytes that are appended to, one piece after the other. */
export class GrowingBuffer {
  #bytes = Buffer.alloc(1 << 16)
  #length = 0

  get length(): number { return this.#length }

  append(piece: Buffer): number {
    const at = this.#length
    if (at + piece.length > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, at + piece.length))
      this.#bytes.copy(larger, 0, 0, at)
      this.#bytes = larger
    }
    piece.copy(this.#bytes, at)
    this.#length = at + piece.length
    return at
  }

  /** What is there, shared with this; what is appended later may lie elsewhere. */
  get bytes(): Buffer { return this.#bytes.subarray(0, this.#length) }
}
