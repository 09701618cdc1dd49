import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import { sha256File } from '../../scripts/lib/digest.ts'
import { writeLock } from '../../scripts/pipeline/lock.ts'
import { sampleLock } from './sample-lock.ts'
import { tarFile } from './tar-file.ts'

export const program = join(process.cwd(), 'scripts/nat64-forge.mjs')

export interface Ended {
  status: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface Running {
  child: ChildProcess
  ended: Promise<Ended>
}

/** Starts any program as a person would, with the host's environment and `env`. */
export function start(argv: readonly [string, ...string[]], { cwd, env = {} }: { cwd?: string; env?: Record<string, string> } = {}): Running {
  const child = spawn(argv[0], argv.slice(1), { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], ...(cwd === undefined ? {} : { cwd }) })
  // A test that fails half-way leaves no program behind.
  onTestFinished(() => { child.kill('SIGKILL') })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString() })
  const ended = once(child, 'close').then(([status, signal]) => ({ status: status as number | null, signal: signal as NodeJS.Signals | null, stdout, stderr }))
  return { child, ended }
}

export function startCli(words: readonly string[], options: Parameters<typeof start>[1] = {}): Running {
  return start([process.execPath, program, ...words], options)
}

export function cli(words: readonly string[], options: Parameters<typeof start>[1] = {}): Promise<Ended> {
  return startCli(words, options).ended
}

/**
 * A build that needs no network: Jool's tarball from a mirror folder, its signature checked by a `gpgv` of the test's
 * own, which writes a line with its process number to `calls`, then does what `gpgv` says.
 */
export async function smallBuild(dir: string, { gpgv = 'exit 0', fillBytes = 0 }: { gpgv?: string; fillBytes?: number } = {}) {
  const paths = { dir, store: join(dir, 'store'), out: join(dir, 'out'), calls: join(dir, 'calls'), bin: join(dir, 'bin'), lock: join(dir, 'lock.yaml'), mirror: join(dir, 'mirror') }
  await mkdir(paths.mirror, { recursive: true })
  await mkdir(paths.bin, { recursive: true })
  const tarball = join(paths.mirror, 'jool-4.1.13.tar.gz')
  await writeFile(tarball, tarFile([
    { path: 'jool-4.1.13/src/common/xlat.h', data: await readFile('test/fixtures/jool-fixture/src/common/xlat.h') },
    { path: 'jool-4.1.13/fill', data: Buffer.alloc(fillBytes) },
  ]))
  await writeFile(join(dir, 'jool.asc'), 'not looked at')
  const url = 'https://upstream.example/jool-4.1.13.tar.gz'
  const sha256 = await sha256File(tarball)
  const sizeBytes = (await stat(tarball)).size
  const file = join(dir, 'jool.asc')
  await writeFile(paths.lock, writeLock(sampleLock({
    sourceSpec: `source: {provider: upstream, version: 4.1.13, url: "${url}", sizeBytes: ${String(sizeBytes)}, sha256: ${sha256}}\n`,
    source: { provider: 'upstream', joolVersion: '4.1.13', tarball: { fileName: 'jool-4.1.13.tar.gz', sizeBytes, sha256, from: { url } }, signature: { file, keyring: file, sha256: await sha256File(file), keyringSha256: await sha256File(file) } },
  })))
  const words = ['source', '--locked', paths.lock, '--store', paths.store, '--out', paths.out, '--mirror', paths.mirror, '--offline']
  const setGpgv = async (script: string): Promise<void> => {
    await writeFile(join(paths.bin, 'gpgv'), `#!/bin/bash\necho $$ >> ${paths.calls}\n${script}\n`)
    await chmod(join(paths.bin, 'gpgv'), 0o755)
  }
  await setGpgv(gpgv)
  const options = { env: { PATH: `${paths.bin}:${process.env['PATH'] ?? ''}` } }
  /** Process numbers of the `gpgv` calls so far. */
  const calls = async (): Promise<number[]> => (await readFile(paths.calls, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '').map(Number)
  const firstCall = (): Promise<number> => vi.waitFor(async () => {
    const [pid] = await calls()
    if (pid === undefined) throw new Error('gpgv was not called')
    return pid
  }, { timeout: 20_000, interval: 50 })
  return { ...paths, words, options, setGpgv, calls, firstCall, start: (more: readonly string[] = []) => startCli([...words, ...more], options), run: (more: readonly string[] = []) => cli([...words, ...more], options) }
}
