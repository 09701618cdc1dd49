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
const pollMs = 250
const projectDir = fileURLToPath(new URL('../../..', import.meta.url))
const worker = fileURLToPath(new URL('worker.ts', import.meta.url))

/**
 * Tries images in a process of their own, with a heap that is small and a time that none may take longer than.
 * @throws Error that names the seed which ended the process, or took too long
 */
export async function fuzz(job: FuzzJob, secondsEach = 10): Promise<FuzzReport> {
  await mkdir(job.workDir, { recursive: true })
  const child = spawn(process.execPath, ['--import', 'tsx', `--max-old-space-size=${String(heapMb)}`, worker, JSON.stringify(job)], { cwd: projectDir, stdio: ['ignore', 'pipe', 'pipe'] })
  let [output, errors] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  let [last, since, stuck] = ['', performance.now(), false]
  const watchdog = setInterval(() => {
    void readFile(join(job.workDir, 'progress'), 'latin1').catch(() => '').then((now) => {
      if (now !== last) [last, since] = [now, performance.now()]
      else if (now !== '' && performance.now() - since > secondsEach * 1000) {
        stuck = true
        child.kill('SIGKILL')
      }
    })
  }, pollMs)
  const status = await new Promise<number | null>((resolve) => { child.on('close', resolve) })
  clearInterval(watchdog)
  if (stuck) throw new Error(`seed ${last.trim()} took longer than ${String(secondsEach)} s`)
  if (status !== 0) throw new Error(`seed ${last.trim()} ended the process: ${errors.slice(0, 3000)}`)
  return JSON.parse(output) as FuzzReport
}
