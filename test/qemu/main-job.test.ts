import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { bootScenarios } from '../../images/smoke/scenarios/boot.ts'
import { allScenarios } from '../../images/smoke/scenarios/list.ts'
import { buildReport, type BuildReport } from '../../scripts/pipeline/report/report.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { chosenPart, conformancePart, withVerdict } from '../support/conformance-part.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'
import { vyosScripts } from '../support/vyos-scripts-on-router.ts'

const forge = fileURLToPath(new URL('../../scripts/nat64-forge.mjs', import.meta.url))
const exec = createExec({ log: silentLog })

const target = (checks: string, smoke = ''): string => `target: lab
suite: bookworm
iso:
  compression: fast
smoke:
${smoke}  checks:
${checks}`

const goodChecks = `    - { id: own-udp, title: UDP to a port of our own, from: ipv6-host, to: ipv4-host, protocol: udp, port: 5353, expect: arrives }
    - { id: own-command, title: the instance is the one configured, router: jool instance display --csv, prints: netfilter }
`
const badChecks = `    - { id: must-fail, title: traffic that arrives although it should not, from: ipv6-host, to: ipv4-host, protocol: tcp, port: 8080, expect: blocked }
`

const run = (dir: string, ...words: string[]): ReturnType<typeof runForge> => runForge(dir, ...words, '--store', join(dir, 'store'), '--out', join(dir, 'out'))

async function runForge(dir: string, ...words: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [forge, ...words], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString() })
  const [status] = await once(child, 'close') as [number]
  return { status, stdout, stderr }
}

describe.skipIf(!needsTools('qemu-system-x86_64', 'mmdebstrap', 'mksquashfs', 'xorriso', 'bwrap'))('the main job, from an empty store to a tested router', () => {
  let dir: string
  let out: string
  let report: BuildReport
  let built: { status: number; stdout: string; stderr: string }

  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    out = join(dir, 'out/lab')
    await writeFile(join(dir, 'nat64-forge.yaml'), target(goodChecks))
    built = await run(dir, 'build', '--json')
    report = JSON.parse(built.stdout || '{}') as BuildReport
  })

  it('ends well, and its report follows the published schema', () => {
    expect(built.status, `what the build printed:\n${built.stderr}`).toBe(0)
    expect(buildReport.parse(report)).toEqual(report)
    expect(report.verdict).toBe('pass')
    expect(report.stages.map(({ name, cached }) => [name, cached])).toEqual([['source', false], ['headers', false], ['modules', false], ['debs', false], ['iso', false], ['smoke', false]])
  })

  it('sends packets of every kind under BIOS, after a reboot, and under UEFI', () => {
    const verdicts = new Map(report.smoke?.checks.map(({ id, verdict }) => [id, verdict]))
    for (const id of ['boot', 'modules', 'icmp', 'tcp-small', 'tcp-bulk', 'udp-small', 'udp-bulk', 'path-mtu', 'fragments', 'traceroute', 'parallel', 'sessions', 'reboot']) expect([id, verdicts.get(`bios/${id}`)]).toEqual([id, 'pass'])
    for (const id of ['boot', 'modules', 'icmp', 'tcp-small']) expect([id, verdicts.get(`uefi/${id}`)]).toEqual([id, 'pass'])
    expect(verdicts.get('bios/own-udp')).toBe('pass')
    expect(verdicts.get('bios/own-command')).toBe('pass')
  })

  it('publishes packages, repository, image, evidence and checksums that hold', async () => {
    const names = await readdir(out)
    expect(names).toEqual(expect.arrayContaining(['SHA256SUMS', 'apt', 'iso-packages.txt', 'junit.xml', 'lab-router.iso', 'lock.yaml', 'logs', 'packages', 'report.html', 'report.json', 'smoke']))
    await exec(['sha256sum', '--check', '--strict', '--quiet', 'SHA256SUMS'], { cwd: out })
    expect((await readdir(join(out, 'packages'))).filter((name) => name.endsWith('.deb')).map((name) => name.split('_')[0]).sort()).toEqual([expect.stringMatching(/^jool-modules-\d/), 'jool-modules-amd64', 'jool-tools', 'nat64ctl', 'vyos-nat64'])
    expect((await readdir(join(out, 'packages'))).filter((name) => /\.(buildinfo|tar\.xz)$/.test(name)).length).toBeGreaterThanOrEqual(3)
  })

  it('checks the ISO against its own sha256sum.txt, and it has what boots both ways and from a USB stick', async () => {
    const iso = join(out, 'lab-router.iso')
    const files = join(dir, 'iso-files')
    await exec(['xorriso', '-osirrox', 'on', '-indev', iso, '-extract', '/', files])
    await exec(['sha256sum', '--check', '--strict', '--quiet', 'sha256sum.txt'], { cwd: files })
    const { stdout } = await exec(['xorriso', '-indev', iso, '-report_el_torito', 'plain', '-report_system_area', 'plain'])
    expect(stdout).toMatch(/boot img :\s+1\s+BIOS/)
    expect(stdout).toMatch(/boot img :\s+2\s+UEFI/)
    expect(stdout).toContain('MBR isohybrid')
  })

  it('does through nat64ctl what the RFCs ask, in every mode and on both engines, or says why not', async () => {
    const conformance = await conformancePart(chosenPart, join(out, 'lab-router.iso'), join(dir, 'table'), exec)
    expect(['fail', 'limit-gone'].map((verdict) => withVerdict(conformance, verdict))).toEqual([[], []])
    expect(withVerdict(conformance, 'pass').length).toBeGreaterThan(80)
    expect(conformance.checks.map(({ id, verdict, detail }) => [id, verdict, detail])).toEqual([['bios/kernel-log', 'pass', expect.any(String)]])
  })

  it('lets its own firewall see, count and drop what is translated apart, and translates at what VyOS\'s scripts commit', async () => {
    const workDir = join(dir, 'firewall')
    await mkdir(workDir)
    const { checks } = await bootScenarios({
      iso: join(out, 'lab-router.iso'), login: { user: 'root', password: 'router' }, exec, log: silentLog, signal: new AbortController().signal, workDir, consoleFile: join(workDir, 'console.log'),
      scenarios: [...allScenarios.filter(({ id }) => id === 'firewall-isolated'), ...vyosScripts], randomConfigurations: [],
    })
    expect(checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
    expect(checks.map(({ id }) => id)).toEqual(['firewall-isolated', 'vyos-scripts', 'kernel-log'].map((id) => `scenario/${id}`))
  })

  it('takes another package afterwards, into a new ISO that is the same in everything else', async () => {
    const tree = join(dir, 'extra')
    await mkdir(join(tree, 'DEBIAN'), { recursive: true })
    await mkdir(join(tree, 'usr/share/extra'), { recursive: true })
    await writeFile(join(tree, 'usr/share/extra/file'), 'grafted\n')
    const control = (depends: string): string => `Package: extra\nVersion: 1.0\nArchitecture: all\nMaintainer: test <test@localhost>\nDescription: one file\n${depends}`
    const packed = async (name: string, depends = ''): Promise<string> => {
      await writeFile(join(tree, 'DEBIAN/control'), control(depends))
      await exec(['dpkg-deb', '--root-owner-group', '--build', tree, join(dir, name)])
      return join(dir, name)
    }
    const iso = join(out, 'lab-router.iso')
    const inject = async (deb: string, to: string): Promise<{ status: number; stdout: string; stderr: string }> => await runForge(dir, 'inject', iso, deb, '--output', join(dir, to), '--store', join(dir, 'store'), '--json')

    const unmet = await inject(await packed('unmet.deb', 'Depends: nothing-has-this-name\n'), 'unmet.iso')
    expect(unmet.status).toBe(65)
    expect(unmet.stderr).toContain('E_INJECT')
    expect(unmet.stderr).toContain('extra depends on nothing-has-this-name')

    const digest = await sha256File(iso)
    const [one, two] = [await inject(await packed('extra.deb'), 'one.iso'), await inject(join(dir, 'extra.deb'), 'two.iso')]
    expect(one.status, one.stderr).toBe(0)
    expect(JSON.parse(one.stdout)).toMatchObject({ packages: [{ name: 'extra', version: '1.0' }], iso: { sha256: await sha256File(join(dir, 'two.iso')) } })
    expect(two.status).toBe(0)
    expect((await inject(join(dir, 'extra.deb'), 'one.iso')).stderr).toContain('one.iso exists')
    expect(await sha256File(iso)).toBe(digest)
    expect((await readdir(dir)).filter((name) => /\.iso(\.part)?$/.test(name)).sort()).toEqual(['one.iso', 'two.iso'])

    const files = join(dir, 'injected')
    await exec(['xorriso', '-osirrox', 'on', '-indev', join(dir, 'one.iso'), '-extract', '/', files])
    await exec(['sha256sum', '--check', '--strict', '--quiet', 'sha256sum.txt'], { cwd: files })
    await exec(['unsquashfs', '-quiet', '-no-progress', '-dest', join(dir, 'root'), join(files, 'live/filesystem.squashfs')])
    expect(await readFile(join(dir, 'root/usr/share/extra/file'), 'utf8')).toBe('grafted\n')
    expect((await exec(['chroot', join(dir, 'root'), 'dpkg-query', '-W', 'extra', 'nat64ctl'])).stdout).toMatch(/^extra\t1\.0\nnat64ctl\t/)
  })

  it('with nothing changed, does nothing, and reads no network', async () => {
    const before = (await stat(join(out, 'report.json'))).mtimeMs
    const again = await run(dir, 'build', '--offline', '--json')
    expect(again.status).toBe(0)
    expect((JSON.parse(again.stdout) as BuildReport).stages.every(({ cached }) => cached)).toBe(true)
    expect((await stat(join(out, 'report.json'))).mtimeMs).toBe(before)
  })

  it('a check that fails ends in status 1, keeps the evidence apart, and leaves the good output alone', async () => {
    const good = await readFile(join(out, 'SHA256SUMS'), 'utf8')
    await writeFile(join(dir, 'nat64-forge.yaml'), target(badChecks, '  firmware: [bios]\n  reboot: false\n'))
    const failed = await run(dir, 'build')
    expect(failed.stderr).toContain('E_SMOKE')
    expect(failed.stderr).toContain('bios/must-fail')
    expect(failed.status).toBe(1)
    expect(await readFile(join(out, 'SHA256SUMS'), 'utf8')).toBe(good)
    const evidence = await readdir(join(dir, 'out/lab.failed'))
    expect(evidence).toEqual(expect.arrayContaining(['report.json', 'report.html', 'junit.xml', 'logs', 'smoke']))
    expect(evidence).not.toContain('packages')
    expect((JSON.parse(await readFile(join(dir, 'out/lab.failed/report.json'), 'utf8')) as BuildReport).verdict).toBe('fail')
  })
})
