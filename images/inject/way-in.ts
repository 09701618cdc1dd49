import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Argv, Exec } from '../../scripts/lib/exec.ts'
import { openUserNamespace, removeFolder, type UserNamespace } from '../../scripts/lib/user-namespace.ts'

/** How an image's root gets below an overlay on this host. */
export interface WayIn {
  /** Undefined: as whoever runs this program, who is root. */
  namespace: UserNamespace | undefined
  /** Mounted where it lies in the ISO, or unpacked. */
  root: 'mounted' | 'unpacked'
  /** Why root has to unpack what root can mount elsewhere. */
  note?: string
}

interface WayInput {
  /** The ISO, and where in it the squashfs lies. */
  iso: string
  offset: number
  sizeBytes: number
  exec: Exec
  workDir: string
}

/** An overlay whose folders can be replaced: where that needs root of the host, another's root gets as far as mounting it. */
const overlay = 'mkdir -p lower/folder upper work merged; touch lower/folder/file; mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged; rm -r merged/folder; mkdir merged/folder; umount merged'
const mounted = 'mkdir image; mount -t squashfs -o "ro,loop,offset=$1,sizelimit=$2" "$0" image; umount image'

/**
 * The quickest way that works, found out by going it: being root says little in a container, where there may be neither the right to mount
 * nor a loop device, and kernels read not every compression.
 * @throws ForgeError E_NOT_ROOT where none does, before anything is done for it
 */
export async function findWayIn({ iso, offset, sizeBytes, exec, workDir }: WayInput): Promise<WayIn> {
  const doing = 'install packages in an image'
  if (process.getuid?.() !== 0) return { namespace: await openUserNamespace(exec, workDir, doing), root: 'unpacked' }
  /** What stops it; undefined: nothing. */
  const obstacle = async (name: string, script: string): Promise<ForgeError | undefined> => {
    const folder = join(workDir, `probe-${name}`)
    await mkdir(folder)
    try {
      await exec(['unshare', '--net', 'sh', '-ec', script, iso, String(offset), String(sizeBytes)] as unknown as Argv, { cwd: folder, contained: true, tolerated: true, timeoutMs: 60_000, doing: `try the way of ${name}` })
      return undefined
    } catch (error) {
      // A disk that is full, an interrupt: these say nothing about the way.
      if (!(error instanceof ForgeError) || error.code !== 'E_COMMAND') throw error
      return error
    } finally {
      await removeFolder(folder)
    }
  }
  const noMount = await obstacle('mounting', `${overlay}; ${mounted}`)
  if (!noMount) return { namespace: undefined, root: 'mounted' }
  const noOverlay = await obstacle('unpacking', overlay)
  if (!noOverlay) return { namespace: undefined, root: 'unpacked', note: `root cannot mount the image's squashfs here, so it was unpacked, which takes longer (${lastWords(noMount)})` }
  const namespace = await openUserNamespace(exec, workDir, doing).catch((error: unknown) => {
    if (!(error instanceof ForgeError) || error.code !== 'E_NOT_ROOT') throw error
    throw overlayOnly(noOverlay) ?? new ForgeError('E_NOT_ROOT', `root may not ${doing} here: it can neither mount nor make a namespace of its own, as in a container without that right`, {
      hint: 'run it outside of the container, or give the container the right (docker run --privileged)', cause: error, details: [noOverlay.details, error.details].join('\n'),
    })
  })
  return { namespace, root: 'unpacked', note: `root may not mount here, so the image's root was unpacked in a user namespace, which takes longer (${lastWords(noOverlay)})` }
}

/** Root that mounts, but not over this folder: a container's own root is an overlay already. */
function overlayOnly(error: ForgeError): ForgeError | undefined {
  if (!/^mount: .*(overlay|merged)/m.test(error.details ?? '') || /permission denied|not permitted|must be superuser/i.test(error.details ?? '')) return undefined
  return new ForgeError('E_NOT_ROOT', 'no overlay can be laid over the folder of the store', { hint: 'give a folder on a disk of its own (ext4, xfs, btrfs, tmpfs; in a container a volume) with --store DIR', cause: error, ...(error.details === undefined ? {} : { details: error.details }) })
}

function lastWords({ details = '' }: ForgeError): string {
  return details.split('\n').slice(1).filter((line) => line.trim() !== '' && !line.includes('dmesg(1)')).at(-1)?.trim() ?? 'it does not say why'
}
