import { bytesAsSource, type ByteSource } from '../byte-source.ts'
import type { PackedBlocks } from './pack.ts'

/** Images end at whole pages, for loop devices. */
const paddingBytes = 4096

/** The tables as they will lie behind the data. */
export class TableArea {
  readonly #pieces: Buffer[] = []
  end: number

  constructor(start: number) {
    this.end = start
  }

  get parts(): ByteSource[] { return this.#pieces.map((piece) => bytesAsSource(piece, 'tables')) }

  /** Where the first byte then lies. */
  add(...pieces: readonly Buffer[]): number {
    const start = this.end
    for (const piece of pieces) {
      this.#pieces.push(piece)
      this.end += piece.length
    }
    return start
  }

  /** Blocks, then a list of where each is, with `header` in front of that: the place of the header or the list. */
  addIndexed(packed: PackedBlocks, header?: Buffer): number {
    const start = this.add(packed.bytes)
    const list = Buffer.alloc(packed.places.length * 8)
    for (const [index, place] of packed.places.entries()) list.writeBigUInt64LE(BigInt(start + place), index * 8)
    return this.add(...(header ? [header, list] : [list]))
  }

  /** Makes the end a whole page. */
  pad(): void {
    this.add(Buffer.alloc((paddingBytes - this.end % paddingBytes) % paddingBytes))
  }
}
