import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { program, start, type Ended } from '../support/cli.ts'
import { debianLikeIso, debianLikeTools, debianPackage, newRelease, oldRelease } from '../support/debian-like-iso.ts'
import { elfObject } from '../support/elf-object.ts'
import { ordinaryUser, type OrdinaryUser } from '../support/ordinary-user.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const tools = needsTools(...debianLikeTools, 'newuidmap', 'bwrap', '/usr/bin/perl') && process.getuid?.() === 0
/** In no file of the image, and in none that a package brings. */
const token = 'only-the-host-has-this'
const further = ['/usr/bin/perl', '/usr/bin/setsid', '/usr/bin/unshare', '/usr/bin/nsenter', '/bin/sleep', '/usr/bin/mkfifo']

let dir: string
let iso: string
let user: OrdinaryUser
/** What packages are after: a file that anybody may read, and a folder that anybody may write to. */
let secret: string
let folder: string

const people = ['root', 'an ordinary user with numbers', 'an ordinary user without numbers'] as const
type Person = (typeof people)[number]

let outputs = 0
interface Run extends Ended { output: string }

async function inject(person: Person, packages: readonly string[], words: readonly string[] = [], from = iso): Promise<Run> {
  const output = join(dir, 'home', `new-${String(outputs += 1)}.iso`)
  const argv = ['inject', from, ...packages, '-o', output, ...words]
  // A descriptor and a variable of whoever starts it are nobody's business in the image.
  const running = person === 'root'
    ? start(['sh', '-c', 'exec 7<"$0"; exec "$@"', secret, process.execPath, program, ...argv, '--store', join(dir, 'store')], { env: { OUTSIDE: token } })
    : user.start(person.endsWith('with numbers') ? 'with numbers' : 'without numbers', argv, `export OUTSIDE=${token}; exec 7<${secret}`)
  return { ...await running.ended, output }
}

/** The root in an ISO, unpacked. */
async function rootOf(image: string): Promise<string> {
  const to = join(dir, `${basename(image)}.files`)
  await exec(['xorriso', '-osirrox', 'on', '-indev', image, '-extract', '/', to])
  await exec(['unsquashfs', '-quiet', '-no-progress', '-dest', join(to, 'root'), join(to, 'live/filesystem.squashfs')])
  return join(to, 'root')
}

/** Nothing of the host's was read into the image, nothing outside of it written, and nothing is left of the run. */
async function expectUntouched(): Promise<void> {
  expect([await readFile(secret, 'utf8'), await readdir(folder), await readFile(join(folder, 'kept'), 'utf8'), await readdir(join(folder, 'deeper'))]).toEqual([token, ['deeper', 'kept'], 'kept\n', ['kept']])
  for (const store of ['store', 'home/store']) expect(await readdir(join(dir, store, 'work')).catch(() => [])).toEqual([])
}

async function attacker(parts: Partial<Parameters<typeof debianPackage>[2]> = {}, postinst = ''): Promise<string> {
  const files = { 'usr/lib/hostile/attack.pl': await readFile('test/support/attack.pl'), ...parts.files }
  return await debianPackage(dir, exec, { name: 'hostile', ...parts, files, scripts: { postinst, ...parts.scripts } })
}
const attack = (step: string): string => `LC_ALL=C /usr/bin/perl /usr/lib/hostile/attack.pl ${secret} ${folder} ${step} </dev/null\n`
const module = (name: string): Buffer => elfObject({ info: [`name=${name}`, 'license=GPL', 'depends=', `vermagic=${oldRelease} SMP `] })

describe.skipIf(!tools)('a package that is made to get out of the image', () => {
  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    user = await ordinaryUser(dir, exec)
    secret = join(dir, 'secret')
    folder = join(dir, 'folder')
    await writeFile(secret, token, { mode: 0o644 })
    await mkdir(join(folder, 'deeper'), { recursive: true })
    for (const file of ['kept', 'deeper/kept']) await writeFile(join(folder, file), 'kept\n')
    await exec(['chmod', '-R', 'a+rwX', folder])
    iso = await debianLikeIso({ dir, exec, programs: further })
  })

  test.each(people)('reaches nothing of the host of %s, in no step that runs what it brought', async (person) => {
    // It takes the place of every program of the image that a later step may call.
    const wrapped = ['usr/bin/dpkg-query', 'usr/bin/dpkg', 'usr/bin/env', 'usr/sbin/depmod', 'usr/sbin/mkinitramfs', 'usr/bin/lsinitramfs', 'usr/bin/setpriv', 'usr/bin/cat', 'usr/bin/readlink']
    const real = '/usr/lib/hostile/real'
    const wrap = wrapped.map((path) => [
      `name=${basename(path)}; if [ -L /${path} ]; then ln -s $(/usr/bin/readlink -f /${path}) ${real}/$name; rm /${path}; else mv /${path} ${real}/$name; fi`,
      `printf '#!/bin/sh\\n[ -e /attacking ] || { : > /attacking; ${attack(basename(path)).trim()}; /usr/bin/rm /attacking; } >&2\\nexec ${real}/%s "$@"\\n' $name > /${path}; /usr/bin/chmod 755 /${path}\n`,
    ].join('\n'))
    const outside = `for file in /run/nat64-forge/* /run/nat64-forge/tmp/*; do [ ! -f "$file" ] || { /usr/bin/rm -f "$file" 2>/dev/null || continue; printf '#!/bin/sh\\n${attack('outer').trim()}\\nexec "$@"\\n' > "$file"; /usr/bin/chmod 755 "$file"; }; done\n`
    const deb = await attacker({
      files: { [`usr/lib/modules/${oldRelease}/updates/outside.ko`]: module('outside'), 'etc/initramfs-tools/modules': 'another list\n' },
      scripts: { preinst: '', prerm: '' },
    }, `${attack('postinst')}mkdir ${real}\n${wrap.join('')}${outside}`)
    const { status, stderr, output } = await inject(person, [deb])
    expect(status, stderr).toBe(0)
    const root = await rootOf(output)
    expect(await readFile(join(root, 'loot'), 'utf8')).toBe('')
    const attacked = new Set((await readFile(join(root, 'attacked'), 'utf8')).trim().split('\n'))
    expect([...attacked]).toEqual(expect.arrayContaining(['postinst', 'dpkg-query', 'depmod', 'mkinitramfs', 'lsinitramfs']))
    expect((await exec(['grep', '-rlF', token, root, join(root, '../live')], { okStatus: [0, 1] })).stdout).toBe('')
    await expectUntouched()
  })

  test.each(people)('ends itself and not the run of %s by a signal to everybody', async (person) => {
    const { status, stderr } = await inject(person, [await attacker({}, 'trap "" TERM HUP\nkill -9 -1\n')])
    expect([status, stderr]).toEqual([65, expect.stringContaining('E_INJECT: could not install the packages in the image: exit status')])
    await expectUntouched()
  })

  test.each(people)('leaves no process behind that changes things under the hands of %s', async (person) => {
    const manifest = '/usr/share/doc/nat64-forge/manifest.json'
    const later = `until [ -e ${manifest} ]; do :; done; while :; do /usr/bin/ln -sf ${folder}/kept ${manifest}; echo late > /late; echo late > /run/nat64-forge/late; done`
    const deb = await attacker({}, `setsid sh -c '${later}' late-process </dev/null >/dev/null 2>&1 &\n`)
    const script = join(dir, `script-${person.replaceAll(' ', '-')}`)
    await writeFile(script, '#!/bin/sh\nfor process in /proc/[0-9]*; do case $(tr "\\0" " " < "$process/cmdline" 2>/dev/null || cat "$process/cmdline") in *late-process*) echo "$process" >> /survived ;; esac; done\necho ran > /script-ran\n', { mode: 0o755 })
    const { status, stderr, output } = await inject(person, [deb], ['--script', script])
    expect(status, stderr).toBe(0)
    const root = await rootOf(output)
    expect((await readdir(root)).filter((name) => ['survived', 'late', 'script-ran'].includes(name))).toEqual(['script-ran'])
    expect(JSON.parse(await readFile(join(root, manifest), 'utf8'))).toMatchObject({ packages: [{ name: 'hostile' }] })
    await expectUntouched()
  })

  const gone = 'rm -rf'
  test.each<[what: string, postinst: (folder: string) => string, words: readonly string[], outcome: [status: number, stderr: string]]>([
    ['its folder of logs', (to) => `mkdir -p ${to}; ${gone} /var/log; ln -s ${to} /var/log\n`, [], [0, '']],
    ['/var', (to) => `cp -a /var /var2; ${gone} /var/cache; ln -s ${to} /var/cache; mkdir -p /var2/lib/dpkg/triggers\n`, [], [0, '']],
    ['/usr/share/doc', (to) => `${gone} /usr/share/doc; ln -s ${to} /usr/share/doc\n`, [], [65, 'E_INJECT: could not install the packages in the image']],
    ['the place of the manifest', (to) => `mkdir -p /usr/share/doc/nat64-forge; ln -s ${to}/kept /usr/share/doc/nat64-forge/manifest.json\n`, [], [0, '']],
    ['the folder of the manifest', (to) => `ln -s ${to} /usr/share/doc/nat64-forge\n`, [], [65, 'E_INJECT: could not install the packages in the image']],
    ['the folder of modules', (to) => `${gone} /usr/lib/modules; ln -s ${to} /usr/lib/modules\n`, [], [0, '']],
    ['a folder of modules', (to) => `ln -s ${to} /usr/lib/modules/6.6.6\n`, [], [0, '']],
    ['the new initrd', (to) => `echo more > /etc/initramfs-tools/modules; printf '#!/bin/sh\\n[ $1 != -o ] || ln -sf ${to}/kept $2\\n' > /usr/sbin/mkinitramfs\n`, [], [65, 'mkinitramfs made no file']],
    ['who asked for an initrd', (to) => `ln -sf ${to}/kept /run/nat64-forge/initrd-asked; rm /usr/bin/lsinitramfs; ${gone} /etc/initramfs-tools; ln -s ${to} /etc/initramfs-tools\n`, [], [0, '']],
    ['a program that is held back', (to) => `${gone} /usr/sbin/update-initramfs; ln -s ${to}/kept /usr/sbin/update-initramfs\n`, [], [0, '']],
    ['the folder of the kernel', (to) => `${gone} /boot; ln -s ${to} /boot\n`, ['--kernel', 'replace'], [65, 'E_INJECT']],
  ])('puts a link in the place of %s, and nothing outside is read, written or removed', async (_what, postinst, words, [expected, message]) => {
    await writeFile(join(folder, `vmlinuz-${newRelease}`), token)
    await mkdir(join(folder, 'apt'))
    const parts = words.length === 0 ? {} : { name: `linux-image-${newRelease}`, architecture: 'amd64', files: { [`boot/vmlinuz-${newRelease}`]: 'kernel', [`usr/lib/modules/${newRelease}/kernel/inside.ko`]: module('inside') } }
    const { status, stderr, output } = await inject('root', [await attacker(parts, postinst(folder))], words)
    expect([status, stderr]).toEqual([expected, expect.stringContaining(message)])
    expect(await readFile(join(folder, `vmlinuz-${newRelease}`), 'utf8')).toBe(token)
    await rm(join(folder, `vmlinuz-${newRelease}`))
    expect(await readdir(join(folder, 'apt'))).toEqual([])
    await rm(join(folder, 'apt'), { recursive: true })
    if (status === 0) expect((await exec(['grep', '-rlF', token, join(await rootOf(output), '..')], { okStatus: [0, 1] })).stdout).toBe('')
    await expectUntouched()
  })

  test('makes the run wait for nothing, by a pipe in the place of a file', async () => {
    const pipes = 'mkdir -p /usr/share/doc/nat64-forge; rm -f /usr/sbin/update-initramfs; mkfifo /usr/share/doc/nat64-forge/manifest.json /usr/sbin/update-initramfs /run/nat64-forge/initrd-asked 2>/dev/null || true\nrm /usr/share/tool\nmkfifo /usr/share/tool\n'
    const { status, stderr, output } = await inject('root', [await attacker({}, pipes)])
    expect(status, stderr).toBe(0)
    expect(JSON.parse(await readFile(join(await rootOf(output), 'usr/share/doc/nat64-forge/manifest.json'), 'utf8'))).toMatchObject({ packages: [{ name: 'hostile' }] })
    await expectUntouched()
  })

  test('has no name, and the image no architecture, that is an order to the apt of this host', async () => {
    const order = `touch ${folder}/planted`
    const named = await debianPackage(dir, exec, { name: 'harmless', version: '2.0' })
    await exec(['sh', '-ec', `dpkg-deb -R ${named} named; sed -i 's|^Package: .*|Package: a -oAPT::Update::Pre-Invoke::=${order.replace(' ', '$IFS')}|' named/DEBIAN/control; printf '\n' >> named/DEBIAN/control; tar -C named/DEBIAN -czf control.tar.gz ./control; tar -czf data.tar.gz -T /dev/null; echo 2.0 > debian-binary; rm -f named.deb; ar rc named.deb debian-binary control.tar.gz data.tar.gz`], { cwd: dir })
    const one = await inject('root', [join(dir, 'named.deb')])
    expect([one.status, one.stderr]).toEqual([65, expect.stringMatching(/E_DEB: .*is no name of a package/)])
    const from = await debianLikeIso({ dir, exec, name: 'architecture', files: { 'var/lib/dpkg/arch': `amd64\nx"; }; APT::Update::Pre-Invoke { "${order}"; }; X { "y\n` } })
    const two = await inject('root', [named], [], from)
    expect([two.status, two.stderr]).toEqual([65, expect.stringMatching(/E_INJECT: .*which is no architecture/)])
    await expectUntouched()
  })

  test.each(people.slice(0, 2))('may be the image itself: its programs and links say nothing to %s outside of it', async (person) => {
    const lie = (path: string): string => `#!/bin/sh\nLC_ALL=C /usr/bin/perl /usr/lib/hostile/attack.pl ${secret} ${folder} ${basename(path)} </dev/null >&2\n`
    const from = await debianLikeIso({
      dir, exec, programs: further, name: `hostile-${String(person.length)}`,
      files: { 'usr/lib/hostile/attack.pl': await readFile('test/support/attack.pl'), 'usr/bin/readlink': `${lie('readlink')}echo ${'/..'.repeat(40)}${folder}\n`, 'usr/bin/env': `${lie('env')}exec "$@"\n`, 'usr/sbin/chroot': `${lie('chroot')}exit 1\n` },
    })
    const { status, stderr, output } = await inject(person, [await debianPackage(dir, exec, { name: 'harmless', files: { 'usr/share/harmless': 'x\n' } })], [], from)
    expect(status, stderr).toBe(0)
    const root = await rootOf(output)
    expect(await readFile(join(root, 'loot'), 'utf8').catch(() => '')).toBe('')
    await expectUntouched()
  })
})
