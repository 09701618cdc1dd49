const typeFlags = { file: '0', hardlink: '1', symlink: '2', characterDevice: '3', blockDevice: '4', directory: '5', fifo: '6' } as const

export interface TarEntry {
  path: string
  type?: keyof typeof typeFlags
  link?: string
  data?: string | Buffer
  /** What the header claims, when that is not the data's size. */
  sizeBytes?: number
  /** Default 0644, folders 0755. */
  mode?: number
}

/** A ustar archive written by hand, so that it can say what no honest tool would write. */
export function tarFile(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    const data = Buffer.from(entry.data ?? '')
    return [header(entry, data.length), data, Buffer.alloc((512 - data.length % 512) % 512)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

function header({ path, type = 'file', link = '', sizeBytes, mode = type === 'directory' ? 0o755 : 0o644 }: TarEntry, dataBytes: number): Buffer {
  const block = Buffer.alloc(512)
  block.write(path, 0, 100)
  block.write(`${mode.toString(8).padStart(7, '0')}\0`, 100)
  block.write('0000000\0', 108)
  block.write('0000000\0', 116)
  block.write(`${(sizeBytes ?? dataBytes).toString(8).padStart(11, '0')}\0`, 124)
  block.write('00000000000\0', 136)
  block.write('        ', 148)
  block.write(typeFlags[type], 156)
  block.write(link, 157, 100)
  block.write('ustar\x0000', 257, 'latin1')
  block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148)
  return block
}
