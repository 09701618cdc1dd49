import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Injection } from '../../images/inject/artifact.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { program, start } from '../support/cli.ts'
import { debianLikeIso, debianLikeTools, debianPackage, oldRelease } from '../support/debian-like-iso.ts'
import { elfObject } from '../support/elf-object.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const tools = needsTools(...debianLikeTools) && process.getuid?.() === 0

let dir: string
let iso: string
/** Files of others, whiteouts, opaque folders, a list of modules. */
let changes: string
/** Nothing but root's. */
let plain: string

interface Run { status: number | null; result: Injection | undefined; stderr: string; sha256: string | undefined }

/** An injection by root, after shell commands in a mount namespace of its own; `as` is what starts it there. */
async function inject(packages: readonly string[], { before = '', as = [], words = [], store }: { before?: string; as?: readonly string[]; words?: readonly string[]; store?: string } = {}): Promise<Run> {
  const folder = await mkdtemp(join(dir, 'run-'))
  const output = join(folder, 'new.iso')
  const argv = [...as, process.execPath, program, 'inject', iso, ...packages, '-o', output, '--store', store ?? join(folder, 'store'), '--json', ...words]
  const { status, stdout, stderr } = await start(['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', `${before}\nexec "$@"`, 'sh', ...argv]).ended
  if (store === undefined) expect(await readdir(join(folder, 'store/work'))).toEqual([])
  expect((await readdir(folder)).filter((name) => name.startsWith('new'))).toEqual(status === 0 ? ['new.iso'] : [])
  return { status, stderr, result: status === 0 ? JSON.parse(stdout) as Injection : undefined, sha256: status === 0 ? await sha256File(output) : undefined }
}

/** A /dev without loop devices, as a container's. */
const noLoops = (): string => [
  'dev=$(mktemp -d)', 'mount -t tmpfs -o mode=755 tmpfs "$dev"',
  'for device in null zero full random urandom tty; do cp -a /dev/$device "$dev"; done', 'ln -s /proc/self/fd "$dev/fd"', 'mkdir "$dev/shm"; mount -t tmpfs tmpfs "$dev/shm"', 'mount --move "$dev" /dev', 'rmdir "$dev"',
].join('\n')
/** Root without the right to mount. */
const mayNotMount = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin', '--']
/** And without that to make namespaces. */
const noNamespaces = async (): Promise<string[]> => {
  await mkdir(join(dir, 'forbids'), { recursive: true })
  await writeFile(join(dir, 'forbids/unshare'), '#!/bin/sh\necho "unshare: unshare failed: Operation not permitted" >&2\nexit 1\n', { mode: 0o755 })
  return ['env', `PATH=${join(dir, 'forbids')}:${process.env['PATH'] ?? ''}`]
}

describe.skipIf(!tools)('root in a container', () => {
  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    iso = await debianLikeIso({
      dir, exec, files: { 'etc/shadow': 'root:*:1::::::\n', 'usr/bin/pings': 'a program\n', 'var/lib/old/a': 'a\n' },
      change: async (root) => {
        await exec(['mknod', join(root, 'dev/console'), 'c', '5', '1'])
        await exec(['sh', '-ec', 'chown 0:42 etc/shadow; chmod 640 etc/shadow; chmod 4711 usr/bin/pings; /sbin/setcap cap_net_raw+ep usr/bin/inside'], { cwd: root })
      },
    })
    changes = await debianPackage(dir, exec, {
      name: 'changes', files: { 'usr/share/changes/file': 'ours\n', [`usr/lib/modules/${oldRelease}/updates/outside.ko`]: elfObject({ info: ['name=outside', 'license=GPL', 'depends=', `vermagic=${oldRelease} SMP `] }) },
      scripts: { postinst: 'chown 7:8 /usr/share/changes/file\nchmod 4750 /usr/share/changes/file\necho more >> /etc/shadow\nrm /usr/share/tool\nrm -r /var/lib/old\nmkdir /var/lib/old\necho new > /var/lib/old/c\n' },
    })
    plain = await debianPackage(dir, exec, { name: 'plain', files: { 'usr/share/plain/file': 'ours\n' } })
  })

  test.each(['graft', 'repack'])('without loop devices unpacks the image\'s root, says why, and makes the same bytes by --mode %s', async (mode) => {
    const usual = await inject([changes], { words: ['--mode', mode] })
    expect([usual.status, usual.result?.notes.filter((note) => note.includes('unpacked'))], usual.stderr).toEqual([0, []])
    const unpacked = await inject([changes], { before: noLoops(), words: ['--mode', mode] })
    expect(unpacked.status, unpacked.stderr).toBe(0)
    expect(unpacked.result?.notes).toContainEqual(expect.stringMatching(/^root cannot mount the image's squashfs here, so it was unpacked, which takes longer \(mount: image: .*\)$/))
    expect(unpacked.sha256).toBe(usual.sha256)
  })

  test('without loop devices makes no layer, and says what helps', async () => {
    const { status, stderr } = await inject([changes], { before: noLoops(), words: ['--mode', 'layer'] })
    expect([status, stderr]).toEqual([65, expect.stringMatching(/E_INJECT: root makes a layer only where the image can be mounted, and it cannot be here\n {2}next: use --mode graft/)])
  })

  test('whose kernel does not read the image\'s compression unpacks it too', async () => {
    await mkdir(join(dir, 'old-kernel'))
    await writeFile(join(dir, 'old-kernel/mount'), '#!/bin/sh\ncase "$*" in *squashfs*) echo "mount: image: wrong fs type, bad option, bad superblock on /dev/loop0, missing codepage or helper program, or other error." >&2; exit 32 ;; esac\nexec /bin/mount "$@"\n', { mode: 0o755 })
    const { status, result, stderr, sha256 } = await inject([changes], { as: ['env', `PATH=${join(dir, 'old-kernel')}:${process.env['PATH'] ?? ''}`] })
    expect(status, stderr).toBe(0)
    expect(result?.notes).toContainEqual(expect.stringContaining('so it was unpacked, which takes longer (mount: image: wrong fs type'))
    expect(sha256).toBe((await inject([changes])).sha256)
  })

  test('without the right to mount works in a user namespace, as an ordinary user does, and says so', async () => {
    const { status, result, stderr, sha256 } = await inject([plain], { as: mayNotMount })
    expect(status, stderr).toBe(0)
    expect(result?.notes).toContainEqual(expect.stringMatching(/^root may not mount here, so the image's root was unpacked in a user namespace, which takes longer \(unshare: .*not permitted\)$/))
    expect(sha256).toBe((await inject([plain])).sha256)
  })

  test('that forbids namespaces too is told that, before anything is done', async () => {
    const { status, stderr } = await inject([plain], { as: [...mayNotMount, ...await noNamespaces()] })
    expect([status, stderr]).toEqual([69, expect.stringMatching(/unshare failed: Operation not permitted[^]*E_NOT_ROOT: root may not install packages in an image here: it can neither mount nor make a namespace of its own[^]*\n {2}next: run it outside of the container, or give the container the right \(docker run --privileged\)/)])
    expect(stderr).not.toContain('installing')
  })

  test('whose store is on the container\'s own root, an overlay, is told to give another disk', async () => {
    const folders = await mkdtemp(join(dir, 'overlay-'))
    const { status, stderr } = await inject([plain], {
      before: `cd ${folders}; mkdir lower upper work; mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay ${folders}/lower`, store: join(folders, 'lower/store'),
    })
    expect([status, stderr]).toEqual([69, expect.stringMatching(/E_NOT_ROOT: no overlay can be laid over the folder of the store\n {2}next: give a folder on a disk of its own .*--store DIR/)])
  })
})
