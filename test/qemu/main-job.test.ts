import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildReport, type BuildReport } from '../../scripts/pipeline/report/report.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

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

async function run(dir: string, ...words: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [forge, ...words, '--store', join(dir, 'store'), '--out', join(dir, 'out')], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] })
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
    expect((await readdir(join(out, 'packages'))).filter((name) => name.endsWith('.deb')).map((name) => name.split('_')[0]).sort()).toEqual([expect.stringMatching(/^jool-modules-\d/), 'jool-modules-amd64', 'jool-tools', 'nat64ctl'])
    expect((await readdir(join(out, 'packages'))).filter((name) => /\.(buildinfo|tar\.xz)$/.test(name)).length).toBeGreaterThanOrEqual(3)
  })

  it('checks the ISO against its own sha256sum.txt, and it boots both ways and from a USB stick', async () => {
    const iso = join(out, 'lab-router.iso')
    const files = join(dir, 'iso-files')
    await exec(['xorriso', '-osirrox', 'on', '-indev', iso, '-extract', '/', files])
    await exec(['sha256sum', '--check', '--strict', '--quiet', 'sha256sum.txt'], { cwd: files })
    const { stdout } = await exec(['xorriso', '-indev', iso, '-report_el_torito', 'plain', '-report_system_area', 'plain'])
    expect(stdout).toMatch(/boot img :\s+1\s+BIOS/)
    expect(stdout).toMatch(/boot img :\s+2\s+UEFI/)
    expect(stdout).toContain('MBR isohybrid')
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
