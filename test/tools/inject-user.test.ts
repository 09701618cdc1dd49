import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import type { Injection } from '../../images/inject/artifact.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { cli, type Ended } from '../support/cli.ts'
import { debianLikeIso, debianLikeTools, debianPackage, oldRelease } from '../support/debian-like-iso.ts'
import { elfObject } from '../support/elf-object.ts'
import { ordinaryUser, type OrdinaryUser } from '../support/ordinary-user.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const tools = needsTools(...debianLikeTools, 'newuidmap', '/usr/bin/python3') && process.getuid?.() === 0
const listTree = fileURLToPath(new URL('../support/list-tree.py', import.meta.url))

let dir: string
let iso: string
let user: OrdinaryUser

const asUser = (...input: Parameters<OrdinaryUser['start']>): Promise<Ended> => user.start(...input).ended

const asRoot = (words: readonly string[]): Promise<Ended> => cli([...words, '--store', join(dir, 'store')])
const output = (name: string): string => join(dir, 'home', `${name}.iso`)

/** Nothing of a run is left: neither a part of an image, nor files that belong to others. */
async function expectClean(): Promise<void> {
  expect(await readdir(join(dir, 'home/store/work'))).toEqual([])
  expect((await readdir(join(dir, 'home'))).filter((name) => name.endsWith('.part'))).toEqual([])
}

async function treeOf(image: string): Promise<string> {
  const to = join(dir, `${basename(image)}.files`)
  await exec(['xorriso', '-osirrox', 'on', '-indev', image, '-extract', '/', to])
  await exec(['unsquashfs', '-quiet', '-no-progress', '-dest', join(to, 'root'), join(to, 'live/filesystem.squashfs')])
  return (await exec(['/usr/bin/python3', listTree, join(to, 'root')])).stdout
}

describe.skipIf(!tools)('an ordinary user', () => {
  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    user = await ordinaryUser(dir, exec)
    iso = await debianLikeIso({
      dir, exec, files: { 'var/mail/.keep': '', 'usr/local/lib/.keep': '', 'etc/shadow': 'root:*:1::::::\n', 'usr/bin/pings': 'a program\n', 'var/lib/old/a': 'a\n', 'var/lib/old/b': 'b\n' },
      change: async (root) => {
        await exec(['mknod', join(root, 'dev/console'), 'c', '5', '1'])
        await exec(['mknod', join(root, 'dev/null'), 'c', '1', '3'])
        await exec(['sh', '-ec', 'chown 0:8 var/mail; chmod 2775 var/mail; chown 0:42 etc/shadow; chmod 640 etc/shadow; chown 5:5 var/lib/old; chmod 4711 usr/bin/pings; /sbin/setcap cap_net_raw+ep usr/bin/inside; chown 0:50 usr/local/lib; chmod 2775 usr/local/lib'], { cwd: root })
      },
    })
    await chmod(iso, 0o644)
  })

  test('injects the same bytes as root, with files of others, capabilities, whiteouts and opaque folders', async () => {
    const owned = await debianPackage(dir, exec, {
      name: 'owned', files: { 'usr/share/owned/file': 'ours\n', [`usr/lib/modules/${oldRelease}/updates/outside.ko`]: elfObject({ info: ['name=outside', 'license=GPL', 'depends=', `vermagic=${oldRelease} SMP `] }) },
      scripts: { postinst: 'chown 7:8 /usr/share/owned/file\nchmod 4750 /usr/share/owned/file\nmkdir /var/mail/box\necho more >> /etc/shadow\nchmod 750 /usr/bin/pings\nrm /usr/share/tool\nrm -r /var/lib/old\nmkdir /var/lib/old\necho new > /var/lib/old/c\nln -s /nowhere /etc/link\nln /usr/share/owned/file /usr/share/owned/other\n' },
    })
    const one = await asUser('with numbers', ['inject', iso, owned, '-o', output('user')])
    expect(one.status, one.stderr).toBe(0)
    const two = await asRoot(['inject', iso, owned, '-o', join(dir, 'root.iso')])
    expect(two.status, two.stderr).toBe(0)
    const [byUser, byRoot] = [await treeOf(output('user')), await treeOf(join(dir, 'root.iso'))]
    expect(byUser).toBe(byRoot)
    expect(await sha256File(output('user'))).toBe(await sha256File(join(dir, 'root.iso')))
    expect((await stat(output('user'))).uid).toBe(user.uid)
    await expectClean()
  })

  test('to whom no numbers are given injects the same bytes where all that changes is root\'s, and is told where not', async () => {
    const plain = await debianPackage(dir, exec, { name: 'plain', files: { 'usr/share/plain/file': 'ours\n', 'var/mail.d/x': 'x\n' }, scripts: { postinst: 'rm /usr/share/tool\ntouch /var/mail/.keep\n' } })
    const one = await asUser('without numbers', ['inject', iso, plain, '-o', output('own')])
    expect(one.status, one.stderr).toBe(0)
    expect((await asRoot(['inject', iso, plain, '-o', join(dir, 'root-plain.iso')])).status).toBe(0)
    expect(await sha256File(output('own'))).toBe(await sha256File(join(dir, 'root-plain.iso')))

    const refused = async (name: string, postinst: string): Promise<string> => {
      const { status, stderr } = await asUser('without numbers', ['inject', iso, await debianPackage(dir, exec, { name, scripts: { postinst } }), '-o', output('refused')])
      expect([status, await readdir(join(dir, 'home')).then((names) => names.includes('refused.iso'))]).toEqual([65, false])
      return stderr
    }
    expect(await refused('changes-shadow', 'echo more >> /etc/shadow\n')).toMatch(/E_INJECT: only root can do this rightly: etc\/shadow belongs to 0:42 in the image\n {2}next: .*uidmap/)
    expect(await refused('inherits', 'mkdir /usr/local/lib/new\n')).toContain('usr/local/lib/new is new in a folder that gives it to the group 50')
    expect(await refused('gives-away', 'mkdir /opt-x\nchown 7 /opt-x\n')).toMatch(/chown: .*Invalid argument[^]*E_INJECT[^]*next: .*uidmap/)
    await expectClean()
  })

  test('whose run is killed leaves nothing that the next one cannot remove', async () => {
    const slow = await debianPackage(dir, exec, { name: 'slow', files: { 'usr/share/slow': 'x\n' }, scripts: { postinst: 'chown 7 /usr/share/slow\nmkdir -m 700 /var/lib/closed\ntouch /var/lib/closed/file\nchown 7 /var/lib/closed\necho now it waits\nwhile :; do :; done\n' } })
    const running = user.start('with numbers', ['inject', iso, slow, '-o', output('slow'), '--verbose'])
    let said = ''
    running.child.stderr?.on('data', (chunk: Buffer) => { said += chunk.toString() })
    await vi.waitFor(() => { expect(said).toContain('now it waits') }, { timeout: 180_000, interval: 100 })
    running.child.kill('SIGKILL')
    await running.ended
    expect((await readdir(join(dir, 'home/store/work'))).length).toBeGreaterThan(0)
    const next = await asUser('with numbers', ['store', 'gc', '--max-size', '1G'])
    expect(next.status, next.stderr).toBe(0)
    await expectClean()
    expect(await readdir(join(dir, 'home'))).not.toContain('slow.iso')
  })

  test('is told what of an image only root can pack, and what helps where the host lets nobody', async () => {
    const plain = await debianPackage(dir, exec, { name: 'plainer', files: { 'usr/share/plainer': 'x\n' } })
    const repack = await asUser('with numbers', ['inject', iso, plain, '-o', output('repack'), '--mode', 'repack'])
    expect([repack.status, repack.stderr]).toEqual([65, expect.stringContaining('E_INJECT: the image has device nodes (dev/console), so only root can pack all of it again')])
    const layer = await asUser('with numbers', ['inject', iso, plain, '-o', output('layer'), '--mode', 'layer', '--json'])
    expect(layer.status, layer.stderr).toBe(0)
    expect((JSON.parse(layer.stdout) as Injection).mode).toBe('layer')
    // A container that forbids it.
    await mkdir(join(dir, 'forbids'))
    await writeFile(join(dir, 'forbids/unshare'), '#!/bin/sh\necho "unshare: unshare failed: Operation not permitted" >&2\nexit 1\n', { mode: 0o755 })
    const forbidden = await asUser('with numbers', ['inject', iso, plain, '-o', output('forbidden')], `export PATH=${join(dir, 'forbids')}:$PATH`)
    expect([forbidden.status, forbidden.stderr]).toEqual([69, expect.stringMatching(/unshare failed: Operation not permitted[^]*E_NOT_ROOT: only root can install packages in an image here: a user namespace cannot be made\n {2}next: run the same command as root or with sudo; or /)])
    await expectClean()
  })
})
