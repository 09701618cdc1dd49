import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Exec } from '../../scripts/lib/exec.ts'
import { program, start, type Running } from './cli.ts'

/** Numbers that the host sets aside for the user; without them, only the user's own is there in a namespace. */
export type Numbers = 'with numbers' | 'without numbers'

export interface OrdinaryUser {
  uid: number
  home: string
  /** Runs the program as the user, with a store in the user's home. Shell commands in `before` run as root. */
  start: (numbers: Numbers, words: readonly string[], before?: string) => Running
}

/** An ordinary user, whom only the mount namespaces of the runs know, with a home below `dir`. Needs root. */
export async function ordinaryUser(dir: string, exec: Exec): Promise<OrdinaryUser> {
  const uid = 61_234
  const home = join(dir, 'home')
  await chmod(dir, 0o755)
  await mkdir(home)
  await exec(['chown', String(uid), home])
  for (const [name, text] of [['with-numbers', `${String(uid)}:1000000:65536\n`], ['without-numbers', '']] as const) {
    await mkdir(join(dir, `etc-${name}`))
    for (const file of ['subuid', 'subgid']) await writeFile(join(dir, `etc-${name}`, file), text)
    await writeFile(join(dir, `etc-${name}`, 'passwd'), `${await readFile('/etc/passwd', 'utf8')}somebody:x:${String(uid)}:${String(uid)}::${home}:/bin/sh\n`)
  }
  return {
    uid, home,
    start: (numbers, words, before = '') => {
      const script = [
        `mount -t overlay -o lowerdir=${join(dir, `etc-${numbers.replace(' ', '-')}`)}:/etc overlay /etc`, before,
        `exec setpriv --reuid ${String(uid)} --regid ${String(uid)} --clear-groups env HOME=${home} TMPDIR=${home} ${process.execPath} ${program} "$@"`,
      ].join('\n')
      return start(['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', script, 'sh', ...words, '--store', join(home, 'store')])
    },
  }
}
