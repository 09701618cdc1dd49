const block = 2048

export interface IsoParts {
  /** By plain name, in the root folder. */
  files?: Readonly<Record<string, Buffer>>
  /** Folders in the root, by name, with the block their contents are said to lie in. */
  folders?: Readonly<Record<string, number>>
  descriptor?: (bytes: Buffer) => void
  /** The root folder's block. */
  root?: (bytes: Buffer) => void
}

/** An ISO 9660 image written by hand: a primary descriptor at block 16, the root folder at 18, files behind it; plain names. */
export function isoImage({ files = {}, folders = {}, descriptor, root }: IsoParts = {}): Buffer {
  const names = Object.keys(files)
  let next = 19
  const places = new Map<string, number>()
  for (const name of names) {
    places.set(name, next)
    next += Math.ceil((files[name]?.length ?? 0) / block)
  }
  const image = Buffer.alloc(next * block)
  const primary = Buffer.alloc(block)
  primary.write('\x01CD001\x01', 0, 'latin1')
  primary.fill(0x20, 40, 72)
  primary.write('TEST', 40)
  primary.writeUInt32LE(next, 80)
  primary.writeUInt16LE(block, 128)
  record('\0', 18, block, 2).copy(primary, 156)
  descriptor?.(primary)
  primary.copy(image, 16 * block)
  image.write('\xffCD001\x01', 17 * block, 'latin1')
  const folder = Buffer.alloc(block)
  let at = 0
  for (const entry of [
    record('\0', 18, block, 2), record('\x01', 18, block, 2),
    ...names.map((name) => record(`${name};1`, places.get(name) ?? 0, files[name]?.length ?? 0, 0)),
    ...Object.entries(folders).map(([name, place]) => record(name, place, block, 2)),
  ]) {
    entry.copy(folder, at)
    at += entry.length
  }
  root?.(folder)
  folder.copy(image, 18 * block)
  for (const name of names) files[name]?.copy(image, (places.get(name) ?? 0) * block)
  return image
}

function record(name: string, place: number, size: number, flags: number): Buffer {
  const bytes = Buffer.alloc(33 + name.length + (name.length % 2 === 0 ? 1 : 0))
  bytes[0] = bytes.length
  bytes.writeUInt32LE(place, 2)
  bytes.writeUInt32LE(size, 10)
  bytes[25] = flags
  bytes[32] = name.length
  bytes.write(name, 33, 'latin1')
  return bytes
}
