// One host of the lab: lives in its own network namespace, reads commands as JSON lines on standard input and
// answers on standard output. Plain JavaScript without packages, so that a bare `node` runs it anywhere.
// The first agent is the process-namespace's init: when it ends, everything it started ends with it.

import { spawn } from 'node:child_process'
import { closeSync, createWriteStream, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { exchangeTcp, exchangeUdp, openMany, closeMany, serve, heard, startTransfer, endTransfer } from './traffic.mjs'

const children = new Map()
let wire
let nextChild = 1

const handlers = {
  hello: async () => ({ pid: process.pid }),
  exec: ({ argv, input, timeoutMs }) => exec(argv, input ?? '', timeoutMs ?? 30_000),
  start: ({ argv, fds, wire, outFile }) => start(argv, fds, wire, outFile),
  stop: ({ child, signal }) => stop(child, signal),
  openWire: ({ device }) => openWire(device),
  sendFrames: async ({ frames }) => { for (const frame of frames) wire.stdin.write(`${frame}\n`) },
  write: async ({ files }) => { for (const [path, text] of Object.entries(files)) writeFileSync(path, text) },
  serve, heard, exchangeTcp, exchangeUdp, openMany, closeMany, startTransfer, endTransfer,
}

/** Runs a program to its end: `{status, stdout, stderr}`; status is null when it was ended at the deadline. */
function exec(argv, input, timeoutMs) {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), { stdio: ['pipe', 'pipe', 'pipe'], timeout: timeoutMs, killSignal: 'SIGKILL' })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data) => { stdout += data })
    child.stderr.on('data', (data) => { stderr += data })
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    child.once('error', reject)
    child.once('close', (status) => { resolve({ status, stdout, stderr }) })
  })
}

/**
 * Starts a long-lived program. `fds` are inherited descriptors of this process, handed on as 3, 4, …;
 * `wire` becomes its standard input and output; with `outFile`, its standard output is written there. Its end is told as `{event: 'exit'}`.
 */
function start(argv, fds = [], wire, outFile) {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), { stdio: [wire ?? 'ignore', wire ?? (outFile === undefined ? 'ignore' : 'pipe'), 'pipe', ...fds] })
    const number = nextChild++
    let stderr = ''
    if (outFile !== undefined) child.stdout.pipe(createWriteStream(outFile))
    child.stderr.on('data', (data) => { stderr = (stderr + data).slice(-4000) })
    child.once('error', reject)
    child.once('spawn', () => {
      // Only the child may hold them: their peer sees the end of file when it ends.
      for (const fd of wire === undefined ? fds : [wire, ...fds]) closeSync(fd)
      children.set(number, child)
      resolve({ child: number, pid: child.pid })
    })
    child.once('close', (status, signal) => {
      children.delete(number)
      say({ event: 'exit', child: number, status, signal, stderr })
    })
  })
}

function stop(number, signal = 'SIGTERM') {
  const child = children.get(number)
  if (child === undefined) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('close', () => { resolve() })
    child.kill(signal)
    setTimeout(() => { child.kill('SIGKILL') }, 3000).unref()
  })
}

/** Starts wire.py on an interface; from then on, every frame that arrives is told as `{event: 'frame'}`. One for each host. */
function openWire(device) {
  return new Promise((resolve, reject) => {
    wire = spawn('/usr/bin/python3', ['-I', fileURLToPath(new URL('wire.py', import.meta.url)), device], { stdio: ['pipe', 'pipe', 'pipe'] })
    let stderr = ''
    wire.stderr.on('data', (data) => { stderr = (stderr + data).slice(-4000) })
    wire.stdin.on('error', () => undefined)
    wire.once('error', reject)
    wire.once('close', (status) => {
      reject(new Error(`wire.py: exit status ${status}: ${stderr}`))
      say({ event: 'wire-closed', stderr })
    })
    createInterface({ input: wire.stdout }).on('line', (line) => {
      if (line === 'ready') return resolve()
      const [flags, frame] = line.split(' ')
      say({ event: 'frame', frame, partial: flags === 'partial' })
    })
  })
}

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const { id, do: verb, ...rest } = JSON.parse(line)
  Promise.resolve()
    .then(() => handlers[verb](rest))
    .then((result) => { say({ id, result: result ?? null }) },
      (error) => { say({ id, error: error instanceof Error ? error.message : String(error), traffic: error?.traffic }) })
})
// Whoever started us is gone: as init, this ends the whole lab.
lines.on('close', () => { process.exit(0) })
process.stdout.on('error', () => { process.exit(0) })
