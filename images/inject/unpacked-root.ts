import { chmod, lutimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Inode } from '../../scripts/formats/squashfs/inode.ts'
import type { Squashfs } from '../../scripts/formats/squashfs/squashfs.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import type { HostTool } from '../../scripts/lib/host-tools.ts'
import { asRoot, type UserNamespace } from '../../scripts/lib/user-namespace.ts'

export const unpackTools: readonly HostTool[] = [
  { command: 'unsquashfs', package: 'squashfs-tools', why: 'unpacks an image\'s root where it cannot be mounted' },
]

/** An image's root as far as it can be unpacked: an ordinary user cannot all of it. */
export interface UnpackedRoot {
  /** Undefined: unpacked by root. */
  namespace: UserNamespace | undefined
  /** Device nodes, of which an empty file without permissions has the place. Paths of the image, a byte a character. */
  devices: readonly string[]
  /** What belongs to others in the image and to the user here. */
  foreign: readonly string[]
}

interface UnpackInput {
  iso: string
  offset: number
  squashfs: Squashfs
  namespace: UserNamespace | undefined
  exec: Exec
  /** The root is unpacked into its folder `lower`. */
  workDir: string
}

/** Unpacks the root into `workDir/lower`. @throws ForgeError E_INJECT for what only root can do, E_DISK_FULL */
export async function unpackRoot({ iso, offset, squashfs, namespace, exec, workDir }: UnpackInput): Promise<UnpackedRoot> {
  const said: string[] = []
  await exec(['unsquashfs', '-force', '-quiet', '-no-progress', '-offset', String(offset), '-dest', 'lower', iso], {
    cwd: workDir, userNamespace: namespace, okStatus: [0, 2], onLine: (line) => said.push(line), doing: 'unpack the image\'s root', errorCode: 'E_INJECT', timeoutMs: 60 * 60_000,
  }).catch((error: unknown) => {
    const [, attribute, path] = /failed to write xattr (\S+) for file lower\/(.*) because /.exec(said.join('\n')) ?? []
    if (attribute === undefined) throw error
    throw new ForgeError('E_INJECT', `${path ?? ''} in the image has the attribute ${attribute}, which only root can set`, { hint: asRoot, cause: error })
  })
  const { devices, foreign, other } = whatWasLeftOut(said)
  if (other !== undefined) throw new ForgeError('E_INJECT', `the image's root cannot be unpacked by an ordinary user: ${other}`, { hint: asRoot })
  // Names in an image may hold anything, also what looks like unsquashfs's words: only what is a device there is touched, and no link followed.
  const strange = devices.find((path) => inodeAt(squashfs, path)?.kind.endsWith('-device') !== true)
  if (strange !== undefined) throw new ForgeError('E_INJECT', `the image has names that look like messages of unsquashfs (${strange})`, { hint: `if you trust the image, ${asRoot}` })
  if (devices.length > 0) {
    await writeFile(join(workDir, 'devices'), Buffer.from(devices.map((path) => `lower/${path}\0`).join(''), 'latin1'))
    await exec(['xargs', '-0', '-a', 'devices', 'sh', '-c', 'for path; do : > "$path"; chmod 0 "$path"; done', 'sh'], { cwd: workDir, userNamespace: namespace, doing: 'mark the places of device nodes', errorCode: 'E_INJECT' })
  }
  // unsquashfs gives up on the rest of a file that it cannot give away. Folders last: their times change with what is in them.
  for (const path of [...foreign].sort().reverse()) {
    const inode = inodeAt(squashfs, path)
    if (!inode) throw new ForgeError('E_INJECT', `${path} belongs to somebody else in the image, and cannot be unpacked by an ordinary user`, { hint: needsNumbers })
    const full = Buffer.from(join(workDir, 'lower', path), 'latin1')
    if (inode.kind !== 'symlink') await chmod(full, inode.mode)
    await lutimes(full, inode.mtime, inode.mtime)
  }
  return { namespace, devices, foreign }
}

export const needsNumbers = `${asRoot}; or have Debian's package uidmap installed and numbers set aside for this user (/etc/subuid and /etc/subgid, 65536 each)`

/** What unsquashfs said that it could not do, by paths of the image; `other` is what an ordinary user should be able to. Pure. */
export function whatWasLeftOut(lines: readonly string[]): { devices: string[]; foreign: string[]; other: string | undefined } {
  const [devices, foreign]: [string[], string[]] = [[], []]
  let other: string | undefined
  for (const line of lines) {
    const device = /^\w+: failed to create (?:character|block) device lower\/(.+), because Operation not permitted$/.exec(line)?.[1]
    const owned = /^\w+: failed to change uid and gids on lower(?:\/(.+))?, because Invalid argument$/.exec(line)
    if (device !== undefined) devices.push(bytesOf(device))
    else if (owned?.[1] !== undefined) foreign.push(bytesOf(owned[1]))
    else if (line.trim() !== '') other ??= line
  }
  return { devices, foreign, other }
}

function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** The inode at a path, a byte a character; links are not followed. */
export function inodeAt(squashfs: Squashfs, path: string): Inode | undefined {
  let inode: Inode = squashfs.root
  for (const name of path.split('/')) {
    const reference = inode.kind === 'directory' ? squashfs.entries(inode, 'latin1').get(name) : undefined
    if (!reference) return undefined
    inode = squashfs.inode(reference)
  }
  return inode
}
