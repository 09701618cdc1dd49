import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, readlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import type { BootResult } from '../../images/smoke/artifact.ts'
import { Guest } from '../../images/smoke/lab/guest.ts'
import { makePersistenceDisk } from '../../images/smoke/lab/persistence.ts'
import { Timeline } from '../../images/smoke/lab/timeline.ts'
import { startTree } from '../../images/smoke/lab/tree.ts'
import { planBoots } from '../../images/smoke/plan.ts'
import { smokeIso } from '../../images/smoke/run.ts'
import { smokeSpec } from '../../images/smoke/spec.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { startCli } from '../support/cli.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const project = fileURLToPath(new URL('../..', import.meta.url))
const withoutTools = !needsTools('qemu-system-x86_64', 'unshare', 'setpriv', 'ip', 'mke2fs', 'tcpdump')

describe.skipIf(withoutTools)('the lab', () => {
  it('a disc without a boot record fails at once, naming how far it came, and keeps the console', async () => {
    const dir = await temporaryFolder()
    const iso = join(dir, 'empty.iso')
    await writeFile(iso, '')
    await truncate(iso, 4 << 20)
    const outDir = join(dir, 'out')
    const workDir = join(dir, 'work')
    await mkdir(outDir)
    await mkdir(workDir)
    const signal = new AbortController().signal
    const started = performance.now()
    const artifact = await smokeIso({
      medium: { iso }, plan: planBoots(smokeSpec.parse({ firmware: ['bios'], driver: 'reference' }), 'router', {}),
      exec: createExec({ log: silentLog, signal }), log: silentLog, signal, workDir, outDir,
    })
    expect(artifact.verdict).toBe('fail')
    const [boot] = artifact.boots as [BootResult]
    expect(boot.checks[0]).toMatchObject({ id: 'boot', verdict: 'fail' })
    expect(boot.checks[0]?.detail).toContain('no boot device')
    expect(boot.checks[0]?.detail).toContain('last milestone: firmware')
    expect(boot.checks.slice(1).every(({ verdict, detail }) => verdict === 'fail' && detail.startsWith('not reached: '))).toBe(true)
    expect(boot.evidence).toContain('console-bios.log')
    expect(await readdir(outDir)).toEqual(expect.arrayContaining(boot.evidence))
    expect(performance.now() - started).toBeLessThan(60_000)
    expect(await processesIn(dir)).toEqual([])
  })

  it('captures are waited for before the guest runs, and one that does not begin is told and no evidence', async () => {
    const dir = await temporaryFolder()
    const iso = join(dir, 'empty.iso')
    await writeFile(iso, '')
    await truncate(iso, 4 << 20)
    const [outDir, workDir, bin] = [join(dir, 'out'), join(dir, 'work'), join(dir, 'bin')]
    for (const folder of [outDir, workDir, bin]) await mkdir(folder)
    // A busy machine's, begins after the disc without a boot record has failed; the other has no room.
    await writeFile(join(bin, 'tcpdump'), `#!/bin/sh\nPATH=\${PATH#*:}\nsleep 4\ncase "$*" in *ipv4-side*) echo "no space left" >&2; exit 1;; esac\nexec tcpdump "$@"\n`, { mode: 0o755 })
    vi.stubEnv('PATH', `${bin}:${process.env['PATH'] ?? ''}`)
    try {
      const { signal } = new AbortController()
      const warnings: string[] = []
      const { boots: [boot] } = await smokeIso({
        medium: { iso }, plan: planBoots(smokeSpec.parse({ firmware: ['bios'], driver: 'reference' }), 'router', {}),
        exec: createExec({ log: silentLog, signal }), log: { ...silentLog, warn: (line: string): void => { warnings.push(line) } }, signal, outDir, workDir,
      })
      expect(boot?.evidence).toEqual(['console-bios.log', 'ipv6-side-bios.pcap'])
      expect(await readdir(outDir)).toEqual(expect.arrayContaining(boot?.evidence ?? []))
      expect(warnings).toEqual(['bios: tcpdump ended: no space left: the evidence is without ipv4-side-bios.pcap'])
    } finally {
      vi.unstubAllEnvs()
    }
  })

  it.skipIf(!needsTools('xorriso')).each([
    ['silent', { silenceMs: 3_000, totalMs: 60_000 }, /^nothing on the console for \d+ s \(last milestone: firmware\)$/],
    ['slow', { silenceMs: 60_000, totalMs: 5_000 }, /^not there after \d+ s \(last milestone: firmware\)$/],
  ])('a guest that stays %s is given up when its time is over', async (_name, deadlines, words) => {
    const dir = await temporaryFolder()
    const { signal } = new AbortController()
    await using tree = await startTree()
    await using guest = await Guest.start(tree, {
      accelerator: 'tcg', firmware: 'bios', medium: { iso: await discThatNeverEnds(dir), on: 'cd', persistenceImage: await makePersistenceDisk(createExec({ log: silentLog }), dir) }, memoryMiB: 64, cpus: 1,
      speedFactor: 1, deadlines, workDir: dir, consoleFile: join(dir, 'console.log'), timeline: new Timeline(), signal,
    })
    const [outcome] = await Promise.allSettled([guest.until('login'), guest.run()])
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'E_BOOT', message: expect.stringMatching(words) as string } })
  })

  it.skipIf(!needsTools('xorriso'))('Ctrl-C while the guest boots ends with status 130, says so, and leaves no process and nothing in the output', async () => {
    const dir = await temporaryFolder()
    const iso = await discThatNeverEnds(dir)
    await writeFile(join(dir, 'nat64-forge.yaml'), 'target: lab\nsuite: bookworm\nsmoke: { firmware: [bios], driver: reference }\n')
    const out = join(dir, 'out')
    const { child, ended } = startCli(['smoke', iso, '--verbose', '--store', join(dir, 'store'), '--out', out], { cwd: dir })
    const inBoot = new Promise<void>((resolve) => {
      let said = ''
      child.stderr?.on('data', (data: Buffer) => {
        said += data.toString()
        if (said.includes('bios: firmware')) resolve()
      })
    })
    await Promise.race([inBoot, ended])
    const running = await processesIn(iso)
    child.kill('SIGINT')
    const { status, stdout, stderr } = await ended
    expect(running.length).toBe(1)
    expect(stderr).toContain('E_INTERRUPTED')
    expect(stderr).not.toMatch(/E_BUG|AbortError|FAIL/)
    expect([status, stdout]).toEqual([130, ''])
    expect(await processesIn(dir)).toEqual([])
    expect(await readdir(out).catch(() => [])).toEqual([])
  })

  it.skipIf(!needsTools('xorriso'))('QEMU killed by the host is the lab\'s failure, not the router\'s', async () => {
    const dir = await temporaryFolder()
    const iso = await discThatNeverEnds(dir)
    const [outDir, workDir] = [join(dir, 'out'), join(dir, 'work')]
    for (const folder of [outDir, workDir]) await mkdir(folder)
    const { signal } = new AbortController()
    const run = smokeIso({
      medium: { iso }, plan: planBoots(smokeSpec.parse({ firmware: ['bios'], driver: 'reference' }), 'router', {}),
      exec: createExec({ log: silentLog, signal }), log: silentLog, signal, outDir, workDir,
    })
    const outcome = run.then(() => undefined, (error: unknown) => error)
    // The capture starts when the lab stands; the guest runs right after.
    await expect.poll(async () => await readdir(outDir), { timeout: 30_000 }).toContain('ipv6-side-bios.pcap')
    for (const pid of await qemuOf(iso)) process.kill(pid, 'SIGKILL')
    expect(await outcome).toMatchObject({ code: 'E_LAB', message: expect.stringContaining('QEMU ended') as string })
  })

  it.skipIf(!needsTools('xorriso'))('a fault of emulation is not the router\'s: it is told, kept, and the boot done again, but not for ever', async () => {
    const dir = await temporaryFolder()
    const oops = (code: string): string => `BdsDxe: loading\r\nOops: int3: 0000 [#1] SMP NOPTI\r\nRIP: 0010:some_function+0x5/0x170\r\nCode: 41 54 ${code} e8 75\r\nKernel panic - not syncing: Fatal exception\r\n`
    const smoke = async (name: string, code: string): Promise<{ boot: BootResult; warnings: string[] }> => {
      const iso = await disc(join(dir, name), printing(oops(code)))
      const [outDir, workDir] = [join(dir, `${name}-out`), join(dir, `${name}-work`)]
      for (const folder of [outDir, workDir]) await mkdir(folder)
      const { signal } = new AbortController()
      const warnings: string[] = []
      const log = { ...silentLog, warn: (line: string): void => { warnings.push(line) } }
      const { boots: [boot] } = await smokeIso({ medium: { iso }, plan: planBoots(smokeSpec.parse({ firmware: ['bios'], driver: 'reference' }), 'router', {}), exec: createExec({ log: silentLog, signal }), log, signal, outDir, workDir })
      if (boot === undefined) throw new Error('no boot')
      expect(await readdir(outDir)).toEqual(expect.arrayContaining(boot.evidence))
      return { boot, warnings }
    }
    const stale = await smoke('stale', '66 <90>')
    expect(stale.boot.checks[0]).toMatchObject({ verdict: 'fail', detail: expect.stringContaining('kernel oops: Oops: int3: 0000 [#1]') as string })
    expect(stale.boot.evidence.filter((name) => name.startsWith('console-'))).toEqual(['console-bios.log', 'console-bios-emulation-fault-1.log', 'console-bios-emulation-fault-2.log'])
    expect(stale.warnings).toHaveLength(2)
    expect(stale.warnings[0]).toMatch(/^bios: a fault of QEMU's emulation and not the router's .* some_function\+0x5\/0x170 /)
    // A breakpoint that is in memory is the kernel's.
    const real = await smoke('real', 'cc <90>')
    expect([real.boot.evidence.filter((name) => name.startsWith('console-')), real.warnings]).toEqual([['console-bios.log'], []])
  })

  it('kill -9 of the runner leaves no process and no namespace', async () => {
    const dir = await temporaryFolder()
    const mark = `lab-test-${String(process.pid)}`
    const script = join(dir, 'runner.mts')
    await writeFile(script, [
      `import { startTree } from ${JSON.stringify(join(project, 'images/smoke/lab/tree.ts'))}`,
      'const tree = await startTree()',
      `await tree.transit.call('start', { argv: ['qemu-system-x86_64', '-name', '${mark}', '-S', '-nodefaults', '-display', 'none', '-machine', 'q35', '-netdev', 'tap,id=a,ifname=lab-v6,script=no,downscript=no'] })`,
      `await tree.ipv6Host.call('start', { argv: ['sleep', '3600'] })`,
      'console.log("ready")',
      'setInterval(() => undefined, 1000)',
    ].join('\n'))
    const namespacesBefore = await networkNamespaces()
    const runner = spawn(process.execPath, ['--import', 'tsx', script], { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise<void>((resolve, reject) => {
      runner.stdout.once('data', () => { resolve() })
      runner.once('exit', () => { reject(new Error('the runner ended early')) })
    })
    const alive = await processesIn(mark)
    expect(alive.length).toBe(1)
    expect((await networkNamespaces()).filter((name) => !namespacesBefore.includes(name)).length).toBe(3)

    const gone = new Promise<void>((resolve) => { runner.once('exit', () => { resolve() }) })
    runner.kill('SIGKILL')
    await gone
    await expect.poll(async () => await processesIn(mark), { timeout: 10_000 }).toEqual([])
    await expect.poll(async () => (await networkNamespaces()).filter((name) => !namespacesBefore.includes(name)), { timeout: 10_000 }).toEqual([])
    expect(await readFile('/proc/net/dev', 'utf8')).not.toContain('lab-')
  })
})

/** A CD whose boot sector halts for ever: `cli / again: hlt / jmp again`. */
const discThatNeverEnds = async (dir: string): Promise<string> => await disc(join(dir, 'endless'), Buffer.from([0xfa, 0xf4, 0xeb, 0xfd]))

/** A boot record that writes a text to the first serial port, and stops. */
function printing(text: string): Buffer {
  // cli; call +0; pop si; add si, 20; mov dx, 3f8; next: lodsb cs:; test al, al; jz stop; out dx, al; jmp next; stop: cli; hlt; jmp stop+1
  const code = [0xfa, 0xe8, 0, 0, 0x5e, 0x83, 0xc6, 20, 0xba, 0xf8, 3, 0x2e, 0xac, 0x84, 0xc0, 0x74, 3, 0xee, 0xeb, 0xf7, 0xfa, 0xf4, 0xeb, 0xfd]
  return Buffer.concat([Buffer.from(code), Buffer.from(`${text}\0`, 'latin1')])
}

async function disc(path: string, code: Buffer): Promise<string> {
  await mkdir(`${path}-cd`)
  const sector = Buffer.alloc(2048)
  sector.set(code)
  await writeFile(join(`${path}-cd`, 'boot.bin'), sector)
  await createExec({ log: silentLog })(['xorriso', '-as', 'mkisofs', '-o', `${path}.iso`, '-b', 'boot.bin', '-no-emul-boot', '-boot-load-size', '4', `${path}-cd`])
  return `${path}.iso`
}

async function qemuOf(iso: string): Promise<number[]> {
  const pids = await eachProcess(async (pid) => (await readFile(`/proc/${pid}/cmdline`, 'utf8')).startsWith('qemu') && (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes(iso) ? pid : '')
  return pids.map(Number)
}

/** Command lines of living processes that contain the text. */
async function processesIn(text: string): Promise<string[]> {
  const lines = await eachProcess(async (pid) => (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' '))
  return lines.filter((line) => line.includes(text) && line.startsWith('qemu'))
}

async function networkNamespaces(): Promise<string[]> {
  return [...new Set(await eachProcess(async (pid) => await readlink(`/proc/${pid}/ns/net`)))]
}

async function eachProcess(read: (pid: string) => Promise<string>): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  // A process may end while it is looked at.
  return (await Promise.all(pids.map(async (pid) => await read(pid).catch(() => '')))).filter((text) => text !== '')
}
