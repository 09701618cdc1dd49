import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError, isErrno } from './errors.ts'
import { createExec, type Exec } from './exec.ts'
import { silentLog } from './log.ts'

/** How to come by root's rights: root that lacks them is in a container. */
export const asRoot = process.getuid?.() === 0 ? 'run the same command outside of the container, or give the container the right to mount (docker run --privileged)' : 'run the same command as root or with sudo'

/** In which an ordinary user is root, over what is the user's own. */
export interface UserNamespace {
  /** Options of unshare that make it. */
  options: readonly string[]
  /** all: files there can belong to anybody, by numbers that the host sets aside for the user (/etc/subuid). own: only to its root, who is the user. */
  owners: 'all' | 'own'
}

const everybody: UserNamespace = { options: ['--user', '--map-root-user', '--map-auto'], owners: 'all' }
const oneself: UserNamespace = { options: ['--user', '--map-root-user'], owners: 'own' }

/** What is asked of the namespace: processes and an overlay of its own, with upper files in this folder. */
const probe = 'mkdir lower upper work merged; mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work,userxattr overlay merged; touch merged/file; rmdir merged/file 2>/dev/null || rm merged/file; echo overlay'

/**
 * The widest user namespace that this host allows, with an overlay over `dir`.
 * @throws ForgeError E_NOT_ROOT with the reason and what helps
 */
export async function openUserNamespace(exec: Exec, dir: string, doing: string): Promise<UserNamespace> {
  let last: unknown
  for (const namespace of [everybody, oneself]) {
    const folder = join(dir, `probe-${namespace.owners}`)
    await mkdir(folder)
    try {
      await exec(['sh', '-ec', probe], { cwd: folder, userNamespace: namespace, contained: true, tolerated: true, timeoutMs: 60_000, doing: 'try a user namespace' })
      return namespace
    } catch (error) {
      if (error instanceof ForgeError && error.code === 'E_INTERRUPTED') throw error
      last = error
    } finally {
      await removeFolder(folder)
    }
  }
  const words = last instanceof ForgeError ? last.details ?? '' : ''
  const { why, remedy } = whyNot({ words, unprivileged: await kernelSwitch('kernel/unprivileged_userns_clone'), most: await kernelSwitch('user/max_user_namespaces'), apparmor: await kernelSwitch('kernel/apparmor_restrict_unprivileged_userns') })
  throw new ForgeError('E_NOT_ROOT', `only root can ${doing} here: ${why}`, { hint: `${asRoot}; or ${remedy}`, cause: last, ...(words === '' ? {} : { details: words }) })
}

/** What a host says that allows no user namespace. Switches are as in /proc/sys; undefined where the kernel has none. */
export function whyNot({ words, unprivileged, most, apparmor }: { words: string; unprivileged: string | undefined; most: string | undefined; apparmor: string | undefined }): { why: string; remedy: string } {
  if (unprivileged === '0') return { why: 'this host gives user namespaces to nobody else (kernel.unprivileged_userns_clone is 0)', remedy: 'have its administrator set that to 1' }
  if (most === '0') return { why: 'this host allows no user namespaces (user.max_user_namespaces is 0)', remedy: 'have its administrator raise that' }
  if (/mount: .*(overlay|merged)/.test(words)) return { why: 'this kernel lays no overlay for an ordinary user over this folder', remedy: 'give a folder on another disk (ext4, xfs, btrfs, tmpfs) with --store DIR; the kernel must be 5.11 or newer' }
  if (/mount .*\/proc.*failed|mount \/proc/.test(words)) return { why: 'a container around this program hides parts of /proc, so none can be mounted', remedy: 'run it outside of the container' }
  if (apparmor === '1') return { why: 'AppArmor takes the rights out of this user\'s namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)', remedy: 'have the administrator set that to 0' }
  return { why: 'a user namespace cannot be made', remedy: 'run it outside of the container that forbids that' }
}

async function kernelSwitch(name: string): Promise<string | undefined> {
  return (await readFile(join('/proc/sys', name), 'utf8').catch(() => undefined))?.trim()
}

/** Removes a folder, also one that holds what a user namespace left: files of others, and folders that nobody may enter. */
export async function removeFolder(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    if (process.getuid?.() === 0 || !(isErrno(error, 'EACCES') || isErrno(error, 'EPERM'))) throw error
    const exec = createExec({ log: silentLog })
    const remove = (userNamespace: UserNamespace): Promise<unknown> => exec(['rm', '-rf', '--', path], { userNamespace, doing: `remove ${path}`, errorCode: 'E_STORE', hint: 'remove it as root' })
    await remove(everybody).catch(() => remove(oneself))
  }
}
