import type { ByteSource } from './byte-source.ts'

// Long names are in the system use field of each directory record (SUSP, IEEE P1281; Rock Ridge, IEEE P1282): entries of a
// two-letter signature, a length, a version, and data. One entry may point to more of them elsewhere.

const isoBlockBytes = 2048
const maxContinuations = 8

/** Bytes to skip in front of every system use field; undefined when the root's own record does not announce SUSP. */
export function suspSkip(systemUse: Buffer): number | undefined {
  // SP, 7, 1, check bytes 0xbe 0xef, skip
  if (systemUse.length < 7 || systemUse.toString('latin1', 0, 2) !== 'SP' || systemUse.readUInt16BE(4) !== 0xbeef) return undefined
  return systemUse[6]
}

/** Permissions and owner of a file, as Rock Ridge has them. */
export interface PosixFields { mode: number; uid: number; gid: number }

/** What Rock Ridge says in a record: the name, permissions and owner; undefined what it does not. @throws ForgeError E_IMAGE_TRUNCATED */
export async function rockRidgeOf(systemUse: Buffer, source: ByteSource): Promise<{ name: string | undefined; posix: PosixFields | undefined }> {
  let posix: PosixFields | undefined
  const parts: Buffer[] = []
  let area = systemUse
  for (let round = 0; round <= maxContinuations; round += 1) {
    let next: { block: number; offset: number; length: number } | undefined
    for (let at = 0; at + 4 <= area.length;) {
      const length = area[at + 2] ?? 0
      if (length < 4 || at + length > area.length) break
      const signature = area.toString('latin1', at, at + 2)
      // Flags 2 and 4 of a name stand for `.` and `..`.
      if (signature === 'NM' && ((area[at + 4] ?? 0) & 6) === 0) parts.push(area.subarray(at + 5, at + length))
      // Numbers are there twice, in both orders of bytes.
      if (signature === 'PX' && length >= 36) posix = { mode: area.readUInt32LE(at + 4) & 0o7777, uid: area.readUInt32LE(at + 20), gid: area.readUInt32LE(at + 28) }
      if (signature === 'CE' && length >= 28) next = { block: area.readUInt32LE(at + 4), offset: area.readUInt32LE(at + 12), length: area.readUInt32LE(at + 20) }
      if (signature === 'ST') break
      at += length
    }
    if (!next || next.length > isoBlockBytes) break
    area = await source.read(next.block * isoBlockBytes + next.offset, next.length)
  }
  return { name: parts.length === 0 ? undefined : Buffer.concat(parts).toString('utf8'), posix }
}
