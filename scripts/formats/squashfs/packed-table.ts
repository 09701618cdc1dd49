import { GrowingBuffer } from './growing-buffer.ts'
import { metadataBlockBytes } from './metadata.ts'
import type { PackedBlocks } from './pack.ts'

/** A table of metadata blocks that is packed while it grows. What is in a full block may not be changed once that is packed. */
export class PackedTable extends GrowingBuffer {
  readonly #packed = new GrowingBuffer()
  /** Of each block that is packed. */
  readonly #places: number[] = []
  readonly #pack: (bytes: Buffer) => Promise<PackedBlocks>

  constructor(pack: (bytes: Buffer) => Promise<PackedBlocks>) {
    super()
    this.#pack = pack
  }

  /** Where a block lies, packed: one of those that are, or the next. */
  placeOf(block: number): number {
    return this.#places[block] ?? this.#packed.length
  }

  /** Packs the blocks that are full. */
  async packFull(): Promise<void> {
    await this.#packTo(this.length - this.length % metadataBlockBytes)
  }

  /** Packs the last block too: all there is. */
  async packAll(): Promise<Buffer> {
    await this.#packTo(this.length)
    return this.#packed.bytes
  }

  async #packTo(end: number): Promise<void> {
    const from = this.#places.length * metadataBlockBytes
    if (end <= from) return
    const { bytes, places } = await this.#pack(this.bytes.subarray(from, end))
    const start = this.#packed.append(bytes)
    for (const place of places) this.#places.push(start + place)
  }
}
