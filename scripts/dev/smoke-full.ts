import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runConformance } from '../../images/smoke/conformance/boot.ts'
import { table } from '../../images/smoke/conformance/table.ts'
import { createExec } from '../lib/exec.ts'
import { silentLog } from '../lib/log.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' }, mode: { type: 'string', multiple: true, default: ['inline'] }, kind: { type: 'string', multiple: true, default: ['nat64', 'nat46'] } } })
const work = await mkdtemp(join(tmpdir(), 'nat64-forge-table-'))
const abort = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { abort.abort() })
const entries = table.filter(({ id }) => values.only === undefined || new RegExp(values.only).test(id))
const started = performance.now()
try {
  const log = { ...silentLog, step: (text: string) => { process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1)} ${text}\n`) } }
  const results = await runConformance({
    iso: resolve(positionals[0] ?? ''), login: { user: 'root', password: 'router' }, entries, modes: values.mode as never, kinds: values.kind as never, limitMs: 300_000,
    exec: createExec({ log: silentLog, signal: abort.signal }), log, signal: abort.signal, workDir: work, consoleFile: '/var/tmp/lab-console.log',
    onResult: (r) => { process.stdout.write(`${((performance.now() - started) / 1000).toFixed(1)} ${r.verdict.padEnd(11)} ${r.setup} ${r.kind} ${r.id}: ${r.detail}\n`) },
  })
  process.stdout.write(`${String(results.filter((r) => r.verdict === 'pass').length)} of ${String(results.length)} passed\n`)
} finally {
  await rm(work, { recursive: true, force: true })
}
