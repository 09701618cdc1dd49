import { spawn } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface FuzzImage {
  name: string
  path: string
  /** Of the same compressor and block size. */
  difference: string
  /** Reading takes programs: few of the cases are about such an image. */
  programs: boolean
  /** Grafting takes none. */
  graftable: boolean
}

export interface FuzzJob {
  images: readonly FuzzImage[]
  from: number
  to: number
  workDir: string
  /** A defect to plant. */
  without?: 'guard'
}

export interface FuzzReport {
  cases: number
  refused: number
  grafted: number
  /** How often each error came, numbers in it left out. */
  errors: Record<string, number>
  slowestMs: number
  peakMb: number
}

const heapMb = 128
/** Of the processor: other work on the machine does not count. And the most that a case may wait, for a program that never ends. */
const secondsEach = 5
const waitingMs = 120_000
const pollMs = 250
const ticksASecond = 100
const projectDir = fileURLToPath(new URL('../../..', import.meta.url))
const worker = fileURLToPath(new URL('worker.ts', import.meta.url))

/**
 * Tries images in a process of their own, with a heap that is small and a time that none may take longer than.
 * @throws Error that names the seed which ended the process, or took too long
 */
export async function fuzz(job: FuzzJob): Promise<FuzzReport> {
  await mkdir(job.workDir, { recursive: true })
  const child = spawn(process.execPath, ['--import', 'tsx', `--max-old-space-size=${String(heapMb)}`, worker, JSON.stringify(job)], { cwd: projectDir, stdio: ['ignore', 'pipe', 'pipe'] })
  let [output, errors] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  let [last, since, worked, stuck] = ['', performance.now(), 0, false]
  const watchdog = setInterval(() => {
    void Promise.all([readFile(join(job.workDir, 'progress'), 'latin1'), processorSeconds(child.pid ?? 0)]).catch(() => ['', 0] as const).then(([now, seconds]) => {
      if (now !== last) [last, since, worked] = [now, performance.now(), seconds]
      else if (now !== '' && (seconds - worked > secondsEach || performance.now() - since > waitingMs)) {
        stuck = true
        child.kill('SIGKILL')
      }
    })
  }, pollMs)
  const status = await new Promise<number | null>((resolve) => { child.on('close', resolve) })
  clearInterval(watchdog)
  last = await readFile(join(job.workDir, 'progress'), 'latin1').catch(() => last)
  if (stuck) throw new Error(`seed ${last.trim()} took too long`)
  if (status !== 0) throw new Error(`seed ${last.trim()} ended the process: ${errors.slice(0, 3000)}`)
  return JSON.parse(output) as FuzzReport
}

/** What a process has used, its own and the system's for it, with its ended children's. */
async function processorSeconds(pid: number): Promise<number> {
  const words = (await readFile(`/proc/${String(pid)}/stat`, 'latin1')).replace(/^.*\) /s, '').split(' ')
  return [11, 12, 13, 14].reduce((sum, at) => sum + Number(words[at]), 0) / ticksASecond
}
