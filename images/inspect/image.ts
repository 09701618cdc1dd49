/** What is at a path inside an image. Links are followed inside the image's own root only. */
export interface ImageEntry {
  /** The last component of the path that was asked for. */
  name: string
  kind: 'file' | 'directory' | 'symlink' | 'other'
  /** Bytes of a file, 0 for everything else. */
  sizeBytes: number
  /** What a symbolic link says, as it stands there. */
  target?: string
}

/**
 * A router's root file system, wherever it lies: in a squashfs on an ISO, in a squashfs, in a folder. Nothing is mounted
 * and nothing unpacked; only what is asked for is read. Paths are relative to the image's root, with or without a leading
 * slash.
 */
export interface ImageRoot {
  /** The entry, links followed; undefined when there is none. */
  stat: (path: string) => Promise<ImageEntry | undefined>
  /** A folder's entries by name, links as links; undefined when there is no such folder. */
  list: (dir: string) => Promise<ImageEntry[] | undefined>
  /** Paths of all files below a folder, links not followed, in order; empty when there is no such folder. @throws ForgeError E_IMAGE for absurdly many or deep ones */
  filesBelow: (dir: string) => Promise<string[]>
  /**
   * A file's bytes, links followed; undefined when there is none.
   * @throws ForgeError E_IMAGE when it is larger than `maxBytes` (default 64 MiB), and when all together are above 256 MiB; E_SQUASHFS
   */
  readFile: (path: string, options?: ReadOptions) => Promise<Buffer | undefined>
  /** Several files at once, in the order asked for: far fewer runs of the image's decompressor than one at a time. */
  readFiles: (paths: readonly string[], options?: ReadOptions) => Promise<(Buffer | undefined)[]>
}

export interface ReadOptions {
  maxBytes?: number
}
