import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { buildDeb } from '../../packaging/debs/build-deb.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { cli, program, startCli } from '../support/cli.ts'
import { madeUpArtifacts } from '../support/debs-inputs.ts'
import { epoch, plansFor, vyos as vyosKernel } from '../support/debs-plans.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { testStore } from '../support/test-store.ts'
import { needsTools } from '../support/tools.ts'

const projectDir = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')
const exec = createExec({ log: silentLog })
const run = promisify(execFile)
const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')

interface Printed { given: { name: string; version: string; sha256: string }[]; path: string; sha256: string; sizeBytes: number; reference: string; digest: string; packages: string[]; leftOut: string[]; lock: { suite: string; sourceDateEpoch: number; packages: unknown[] } }

const rule = 'set nat64 source rule 100 '
const masquerading = `${rule}engine tayga\n${rule}source prefix 2001:db8:64::/96\n${rule}masquerade\n`

describe.skipIf(!needsTools('mmdebstrap', 'apt-ftparchive', 'dpkg-deb', 'skopeo', 'umoci', 'crun', 'unshare', 'ip', 'nft') || process.getuid?.() !== 0)('the container image', () => {
  let all: string
  let deb: string
  let other: string
  let image: Printed
  let bundle: string

  beforeAll(async () => {
    all = await temporaryFolder({ keepUntil: 'file' })
    const before = await madeUpArtifacts(join(all, 'before'))
    const built: string[] = []
    for (const plan of plansFor(vyosKernel).packages.filter(({ name }) => name === 'nat64ctl' || name === 'vyos-nat64')) {
      mkdirSync(join(all, plan.name))
      const file = join(all, plan.fileName)
      await buildDeb(plan, join(all, plan.name), file, { projectDir, sourceDateEpoch: epoch, tools: { dir: join(before.source.dir, 'tools'), depends: [] }, modules: new Map() }, exec)
      built.push(file)
    }
    [deb, other] = [built.find((file) => basename(file).startsWith('nat64ctl_')) ?? '', built.find((file) => basename(file).startsWith('vyos-nat64_')) ?? '']
    const { stdout } = await run(process.execPath, [program, 'oci', deb, other, '-o', join(all, 'nat64.tar'), '--store', await testStore(), '--json'], { maxBuffer: 1 << 24 })
    image = JSON.parse(stdout) as Printed
    writeFileSync(join(all, 'lock.json'), stdout)
    mkdirSync(join(all, 'layout'))
    execFileSync('tar', ['--extract', '--file', image.path, '--directory', join(all, 'layout')])
    bundle = join(all, 'bundle')
    execFileSync('umoci', ['unpack', '--image', `${join(all, 'layout')}:${image.reference}`, bundle], { stdio: 'pipe' })
  })

  describe('is', () => {
    test('the same bytes from another store, with the packages of the lock, in another umask', async () => {
      const dir = await temporaryFolder()
      const umask = process.umask(0o077)
      const again = await cli(['oci', deb, '-o', join(dir, 'again.tar'), '--store', join(dir, 'store'), '--locked', join(all, 'lock.json'), '--json']).finally(() => { process.umask(umask) })
      expect(again.stderr).not.toContain('reading the package index')
      expect(JSON.parse(again.stdout)).toEqual({ ...image, path: join(dir, 'again.tar'), leftOut: [] })
      expect(readFileSync(join(dir, 'again.tar')).equals(readFileSync(image.path))).toBe(true)
    })

    test('what skopeo and umoci take for an image, with what it is, and no time later than the lock\'s', () => {
      expect(image).toMatchObject({ reference: 'nat64:0.1.0-1', leftOut: ['vyos-nat64'] })
      const seen = JSON.parse(execFileSync('skopeo', ['inspect', `oci-archive:${image.path}`], { encoding: 'utf8' })) as Record<string, unknown>
      const created = new Date(image.lock.sourceDateEpoch * 1000).toISOString().replace('.000Z', 'Z')
      expect(seen).toMatchObject({
        Digest: image.digest, Created: created, Architecture: 'amd64', Os: 'linux',
        Labels: { 'org.opencontainers.image.title': 'nat64', 'org.opencontainers.image.version': '0.1.0-1' },
      })
      expect(JSON.parse(execFileSync('skopeo', ['inspect', '--config', `oci-archive:${image.path}`], { encoding: 'utf8' }))).toMatchObject({ config: { Entrypoint: ['/usr/local/lib/nat64-container/first'] } })
      // Every byte is checked against its digest on the way.
      execFileSync('skopeo', ['copy', `oci-archive:${image.path}`, `dir:${join(all, 'copy')}`], { stdio: 'pipe' })
      const newest = execFileSync('find', [join(bundle, 'rootfs'), '-newermt', created, '-printf', '%P %t\n'], { encoding: 'utf8' })
      expect(newest).toBe('')
    })

    test('small, whole, and without what is of this host or of no use', () => {
      const root = join(bundle, 'rootfs')
      const names = image.packages.map((line) => line.split(' ')[0])
      expect(names).toEqual(expect.arrayContaining(['nat64ctl', 'tayga', 'nftables', 'iproute2', 'python3', 'dpkg']))
      for (const name of ['apt', 'systemd', 'jool-tools', 'vyos-nat64']) expect(names).not.toContain(name)
      expect(execFileSync('dpkg-query', [`--admindir=${join(root, 'var/lib/dpkg')}`, '--show', '--showformat', '${db:Status-Abbrev}\n'], { encoding: 'utf8' }).trim().split('\n').map((line) => line.trim())).toEqual(names.map(() => 'ii'))
      expect(['dev', 'run', 'tmp', 'var/log'].flatMap((folder) => readdirSync(join(root, folder)))).toEqual([])
      for (const path of ['etc/resolv.conf', 'etc/hostname', 'etc/machine-id', 'etc/apt']) expect(() => statSync(join(root, path))).toThrow()
      expect(readFileSync(join(root, 'usr/share/doc/tayga/copyright'), 'utf8')).toContain('GPL')
      expect(execFileSync('find', [root, '-perm', '/6000'], { encoding: 'utf8' })).toBe('')
      expect(image.sizeBytes).toBeLessThan(70e6)
    })
  })

  describe('is refused', () => {
    const refused = async (words: readonly string[], options: Parameters<typeof cli>[1] = {}) => {
      const dir = await temporaryFolder()
      const { status, stderr } = await cli(['oci', ...words, '-o', join(dir, 'x.tar'), '--store', await testStore()], options)
      expect(readdirSync(dir)).toEqual([])
      return { status, said: stderr.split('\n').filter((line) => line.startsWith('nat64-forge: ')).join('\n') }
    }

    test('of packages that do not go together, are cut off, or are not there', async () => {
      expect(await refused([other])).toEqual({ status: 64, said: 'nat64-forge: E_USAGE: nat64ctl is not among the packages' })
      expect(await refused([deb, deb])).toEqual({ status: 64, said: 'nat64-forge: E_USAGE: nat64ctl was given twice' })
      expect(await refused([join(all, 'none.deb')])).toEqual({ status: 65, said: `nat64-forge: E_DEB: ${join(all, 'none.deb')} cannot be read` })
      const cut = join(all, 'cut.deb')
      copyFileSync(deb, cut)
      truncateSync(cut, statSync(cut).size - 1000)
      expect((await refused([cut])).status).toBe(65)
      expect(await refused([deb, '--target', 'debian-12'])).toMatchObject({ status: 64 })
    })

    test('with a lock that is none, or has no TAYGA', async () => {
      const lock = join(all, 'bad.json')
      expect(await refused([deb, '--locked', lock])).toEqual({ status: 65, said: `nat64-forge: E_LOCK: the lock ${lock} cannot be read` })
      writeFileSync(lock, '{"lock": {"suite": "bookworm"}, "given": []}')
      expect((await refused([deb, '--locked', lock])).said).toMatch(/^nat64-forge: E_LOCK: bad\.json:1:\d+ lock\.sourceDateEpoch/)
      const { lock: good, given } = image
      expect(given).toEqual([{ name: 'nat64ctl', version: '0.1.0-1', sha256: sha256(deb) }])
      writeFileSync(lock, JSON.stringify({ lock: good, given: given.map((one) => ({ ...one, sha256: '0'.repeat(64) })) }))
      expect(await refused([deb, '--locked', lock])).toEqual({ status: 65, said: 'nat64-forge: E_LOCK: the lock is of other packages: nat64ctl' })
      writeFileSync(lock, JSON.stringify({ given, lock: { ...good, packages: good.packages.filter((one) => (one as { name: string }).name !== 'tayga') } }))
      expect(await refused([deb, '--locked', lock])).toEqual({ status: 64, said: 'nat64-forge: E_USAGE: tayga is neither among the packages nor in the lock' })
    })

    test('where its file exists, its folder does not, or the disk is full', async () => {
      const store = ['--store', await testStore()]
      expect(await cli(['oci', deb, '-o', image.path, ...store])).toMatchObject({ status: 64 })
      expect(await cli(['oci', deb, '-o', join(all, 'no/where.tar'), ...store])).toMatchObject({ status: 64 })
      const small = join(all, 'small')
      mkdirSync(small)
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small])
      try {
        const { status, stderr } = await cli(['oci', deb, '-o', join(small, 'x.tar'), '--locked', join(all, 'lock.json'), ...store])
        expect(status).toBe(69)
        expect(stderr).toMatch(/E_DISK_FULL: the disk of \S+ has 1 MiB free, and the new image takes at least \d\d MiB/)
        expect(readdirSync(small)).toEqual([])
      } finally {
        execFileSync('umount', [small])
      }
    })

    test('half-way, when it is killed: no process, no mount and no part of it stays', async () => {
      const dir = await temporaryFolder()
      const store = join(dir, 'store')
      const running = startCli(['oci', deb, '-o', join(dir, 'x.tar'), '--store', store, '--locked', join(all, 'lock.json')])
      const processes = (): string => execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n').filter((line) => line.includes(`${store}/`) && !line.includes('--locked')).join('\n')
      await vi.waitFor(() => { expect(processes()).toContain('mmdebstrap') }, { timeout: 120_000, interval: 100 })
      running.child.kill('SIGKILL')
      await running.ended
      await vi.waitFor(() => { expect(processes()).toBe('') }, { timeout: 20_000 })
      expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(store)
      expect(readdirSync(dir)).toEqual(['store'])
    })
  })

  describe('runs', () => {
    let dir: string
    beforeEach(async () => {
      dir = await temporaryFolder()
      mkdirSync(join(dir, 'config'))
    })

    /** As `podman run --net host --cap-add NET_ADMIN --device /dev/net/tun --volume …:/etc/nat64:ro` has a runtime do it: settings of the kernel can only be read. */
    async function container(script: string, { text = masquerading, capability = true, tun = true }: { text?: string; capability?: boolean; tun?: boolean } = {}): Promise<string[]> {
      writeFileSync(join(dir, 'config/nat64.config'), text)
      const spec = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as {
        process: { terminal: boolean; capabilities: object }; root: { path: string }; mounts: { destination: string; type?: string; source?: string; options?: string[] }[]; linux: Record<string, unknown>
      }
      const capabilities = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'NET_BIND_SERVICE', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT', ...(capability ? ['NET_ADMIN'] : [])].map((name) => `CAP_${name}`)
      spec.process = { ...spec.process, terminal: false, capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities } }
      cpSync(join(bundle, 'rootfs'), join(dir, 'rootfs'), { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })
      spec.root.path = join(dir, 'rootfs')
      spec.mounts = [
        ...spec.mounts.filter(({ destination }) => !destination.startsWith('/sys')),
        { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', 'nosuid', 'noexec', 'nodev', 'ro'] },
        { destination: '/etc/nat64', type: 'bind', source: join(dir, 'config'), options: ['rbind', 'ro'] },
      ]
      const { resources: _resources, ...linux } = spec.linux
      spec.linux = {
        ...linux, namespaces: ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })), readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
        devices: tun ? [{ path: '/dev/net/tun', type: 'c', major: 10, minor: 200, fileMode: 0o666, uid: 0, gid: 0 }] : [],
      }
      writeFileSync(join(dir, 'config.json'), JSON.stringify(spec))
      const { stdout } = await run('timeout', ['90', 'unshare', '--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child', 'sh', join(projectDir, 'test/support/container-lab.sh'), dir, script])
        .catch((error: unknown) => { throw new Error(`the lab ended early, and has said:\n${(error as { stdout: string }).stdout}`, { cause: error }) })
      return stdout.trimEnd().split('\n')
    }
    const nothingLeft = 'left: '

    test('and translates for an IPv6-only host; ended, everything is as it was', async () => {
      const lines = await container('ping_six 2001:db8:64::198.51.100.2; heard "is in force" 1; ours; echo; ping_six 2001:db8:64::198.51.100.2; inside nat64ctl show rules | grep -c nat64-100; signal TERM')
      expect(lines.slice(0, 5)).toEqual(['not reached 2001:db8:64::198.51.100.2', 'nat64-100;2001:db8:64::/96 dev nat64-100;table ip nat64ctl;', 'reached 2001:db8:64::198.51.100.2', '1', nothingLeft])
      expect(lines).toContain('nat64-container: /etc/nat64/nat64.config is in force: nat64-100')
      expect(lines).toContainEqual(expect.stringMatching(/^tayga\[\d+\]: Using tun device nat64-100/))
      expect(lines.at(-1)).toBe('exit status 0')
    })

    test('and takes another configuration without a pause, and none that is wrong', async () => {
      const other = masquerading.replace('2001:db8:64', '2001:db8:65')
      const lines = await container([
        'heard "is in force" 1', `printf '%s' '${other}' > ${dir}/config/nat64.config; signal HUP; heard "is in force" 2; ours; echo; ping_six 2001:db8:65::198.51.100.2`,
        `echo 'set nat64 source rule 100 engine none' > ${dir}/config/nat64.config; signal HUP; heard "what ran before goes on" 1; ping_six 2001:db8:65::198.51.100.2; signal INT`,
      ].join('\n'))
      expect(lines.slice(0, 4)).toEqual(['nat64-100;2001:db8:65::/96 dev nat64-100;table ip nat64ctl;', 'reached 2001:db8:65::198.51.100.2', 'reached 2001:db8:65::198.51.100.2', nothingLeft])
      expect(lines.at(-1)).toBe('exit status 0')
    })

    test('until a translator dies: then it takes everything away and ends with 1, so that it is started again', async () => {
      const lines = await container('heard "is in force" 1; inside sh -c "kill -9 \\$(cat /run/nat64/nat64-tayga/nat64-100.pid)"')
      expect(lines[0]).toBe(nothingLeft)
      expect(lines).toContain('nat64-container: TAYGA on nat64-100 has died: everything is taken away')
      expect(lines.at(-1)).toBe('exit status 1')
    })

    test('after it was killed, in a network in which its interface is still there', async () => {
      const lines = await container(`heard "is in force" 1; signal KILL; wait "$container" || true; ours; echo; : >"$said"
        crun --cgroup-manager=disabled run --bundle "$bundle" nat64 >"$said" 2>&1 & container=$!
        heard "is in force" 1; ping_six 2001:db8:64::198.51.100.2; signal TERM`)
      expect(lines[0]).toBe('nat64-100;2001:db8:64::/96 dev nat64-100;table ip nat64ctl;')
      expect(lines.slice(1, 3)).toEqual(['reached 2001:db8:64::198.51.100.2', nothingLeft])
      expect(lines.at(-1)).toBe('exit status 0')
    })

    /** The same container, with its files, in new processes. */
    const again = ': >"$said"; crun --cgroup-manager=disabled run --bundle "$bundle" nat64 >"$said" 2>&1 & container=$!'

    test('after it was killed, with another rule: what was left of the one before is no translator that has died', async () => {
      const other = masquerading.replaceAll('rule 100', 'rule 200')
      const lines = await container(`heard "is in force" 1; signal KILL; wait "$container" || true; printf '%s' '${other}' > ${dir}/config/nat64.config
        ${again}
        heard "is in force" 1; signal HUP; heard "is in force" 2; ours; echo; signal TERM`)
      expect(lines.slice(0, 2)).toEqual(['nat64-200;2001:db8:64::/96 dev nat64-200;table ip nat64ctl;', nothingLeft])
      expect(lines.at(-1)).toBe('exit status 0')
    })

    test('after it was killed, with a configuration that is wrong: nothing stays that would take packets and translate none', async () => {
      const lines = await container(`heard "is in force" 1; signal KILL; wait "$container" || true; echo 'set nat64 source rule 100 engine none' > ${dir}/config/nat64.config
        ${again}`)
      expect(lines[0]).toBe(nothingLeft)
      expect(lines.at(-1)).toBe('exit status 65')
    })

    test('and hears in its first moment that it is to end', async () => {
      // A signal before its shell has read its first lines is lost, which takes a few milliseconds and may take longer here: then it is sent again.
      const lines = await container('until signal TERM 2>/dev/null || ! kill -0 "$container"; do :; done; tries=300; while kill -0 "$container" 2>/dev/null && [ "$tries" -gt 0 ]; do sleep 0.1; tries=$((tries - 1)); done; signal TERM 2>/dev/null || :')
      expect(lines[0]).toBe(nothingLeft)
      expect(lines.at(-1)).toMatch(/^exit status (?:0|143)$/)
    })

    test('and takes everything away where only its Python is killed', async () => {
      const lines = await container('heard "is in force" 1; inside sh -c "kill -9 \\$(grep -l nat64_container /proc/[0-9]*/comm | grep -o \'[0-9]*\')"')
      expect(lines[0]).toBe(nothingLeft)
      expect(lines.at(-1)).toBe('exit status 1')
    })

    test.each<[string, Parameters<typeof container>[1], number, readonly string[]]>([
      ['without the capability', { capability: false }, 69, ['nat64-container: the container may not configure the network: it lacks the capability NET_ADMIN', '  VyOS: set container name NAME capability net-admin; podman: --cap-add NET_ADMIN']],
      ['without the device', { tun: false }, 69, ['nat64-container: the container has no /dev/net/tun that can be opened (No such file or directory), and TAYGA needs it']],
      ['with a configuration that says nothing', { text: '# nothing\n' }, 65, ['nat64-container: /etc/nat64/nat64.config says nothing']],
      ['with one that is wrong', { text: `${masquerading}${rule}source prefix 2001:db8:64::/95\n` }, 65, []],
      ['with one that wants Jool', { text: masquerading.replace('tayga', 'jool').replace(`${rule}masquerade\n`, `${rule}translation pool 1 address 192.0.2.1\n`) }, 65, ['    install the package jool-tools; or use `engine tayga`']],
    ])('never %s, and says so', async (_name, options, status, said) => {
      const lines = await container('true', options)
      expect(lines.at(-1), lines.join('\n')).toBe(`exit status ${String(status)}`)
      expect(lines[0]).toBe(nothingLeft)
      expect(lines).toEqual(expect.arrayContaining([...said]))
    })
  })
})
