import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ForgeError } from '../lib/errors.ts'
import { createExec, type Exec, type ExecOptions } from '../lib/exec.ts'
import { silentLog } from '../lib/log.ts'
import { checks, type Check } from './checks.ts'
import { failureRecap, sum, totalsLine, vitestTotals, type Totals } from './test-totals.ts'
import { readArguments } from './read-arguments.ts'

// All of the project's tests: the static checks, each counted as one test, then the three suites. The last line is the
// totals, and the exit status is 1 when anything failed.
//
//   npm test                     everything
//   npm test -- --suite unit     only these (check, unit, tools, qemu; may be repeated)
//   npm run test:full            with the long tests, *.full.test.ts
//
// Test files share a store, made for the run; NAT64_FORGE_TEST_STORE names one that stays.

const suites = ['check', 'unit', 'tools', 'qemu']
const hourMs = 60 * 60_000

const { values } = readArguments('npm test -- [--suite SUITE]… [--full]', { options: { suite: { type: 'string', multiple: true, default: suites }, full: { type: 'boolean', default: false } } })
const unknown = values.suite.filter((name) => !suites.includes(name))
if (unknown.length > 0) {
  process.stderr.write(`no such suite: ${unknown.join(', ')}; there are ${suites.join(', ')}\n`)
  process.exit(64)
}

// The long tests fuzz, compile kernels and boot for hours; each has a limit of its own.
const suiteHours = values.full ? 24 : 2

const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { interrupt.abort() })

const say = (line: string): void => { process.stdout.write(`${line}\n`) }
const exec = createExec({ log: silentLog, signal: interrupt.signal })
const keptStore = process.env['NAT64_FORGE_TEST_STORE']
const testStore = keptStore ?? await mkdtemp(join(tmpdir(), 'nat64-forge-test-store-'))
const env: Record<string, string> = {
  ...inherited('CI', 'TERM', 'XDG_CACHE_HOME'),
  NAT64_FORGE_TEST_STORE: testStore,
  ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }),
  ...(values.full ? { NAT64_FORGE_FULL: '1' } : {}),
}

const totals: Totals[] = []
const recaps: string[] = []
for (const suite of suites.filter((name) => values.suite.includes(name))) {
  if (interrupt.signal.aborted) break
  totals.push(...(suite === 'check' ? await runChecks(exec) : [await runSuite(suite, exec)]))
}
if (interrupt.signal.aborted) totals.push({ passed: 0, failed: 1, skipped: 0 })
if (keptStore === undefined) await rm(testStore, { recursive: true, force: true })
const all = sum(totals)
process.exitCode = all.failed > 0 || all.passed === 0 ? 1 : 0
for (const recap of recaps) say(`\n${recap}`)
say('')
say(totalsLine(all))

/** Two at a time: the type-aware linter takes as long as all the others. */
async function runChecks(run: Exec): Promise<Totals[]> {
  const linter = checks.slice(-1)
  const others = checks.slice(0, -1)
  const results = await Promise.all([linter, others].map(async (queue) => {
    const done: Totals[] = []
    for (const check of queue) done.push(await runCheck(check, run))
    return done
  }))
  return results.flat()
}

async function runCheck({ name, argv }: Check, run: Exec): Promise<Totals> {
  const lines: string[] = []
  const startedAt = performance.now()
  const { exitStatus } = await outcome(run, argv, { onLine: (line) => lines.push(line) })
  say(`check: ${name} ${exitStatus === 0 ? 'passed' : 'FAILED'} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`)
  if (exitStatus !== 0) {
    for (const line of lines) say(`  ${line}`)
    recaps.push(`FAILED: check ${name}`)
  }
  return { passed: Number(exitStatus === 0), failed: Number(exitStatus !== 0), skipped: 0 }
}

async function runSuite(name: string, run: Exec): Promise<Totals> {
  const dir = await mkdtemp(join(tmpdir(), 'nat64-forge-tests-'))
  try {
    const report = join(dir, 'report.json')
    const { exitStatus } = await outcome(run, ['node_modules/.bin/vitest', 'run', '--project', name, '--reporter', 'default', '--reporter', 'json', `--outputFile.json=${report}`], {
      env, timeoutMs: suiteHours * hourMs, onLine: say,
    })
    const json = await readFile(report, 'utf8')
    const found = vitestTotals(json)
    recaps.push(...failureRecap(json))
    // A status that the report does not explain must not look like success.
    if (exitStatus === 0 || found.failed > 0) return found
    recaps.push(`FAILED: the suite ${name} ended with status ${String(exitStatus)}, and no test says why`)
    return { ...found, failed: 1 }
  } catch (error) {
    recaps.push(`FAILED: the suite ${name}: ${error instanceof Error ? error.message : String(error)}`)
    return { passed: 0, failed: 1, skipped: 0 }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** A failing program is an answer here. */
async function outcome(run: Exec, argv: Check['argv'], options: ExecOptions): Promise<{ exitStatus: number }> {
  try {
    return await run(argv, { ...options, okStatus: Array.from({ length: 256 }, (_, status) => status) })
  } catch (error) {
    if (error instanceof ForgeError) say(`${error.message}\n${error.details ?? ''}`)
    else throw error
    return { exitStatus: 1 }
  }
}

function inherited(...names: string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => process.env[name] === undefined ? [] : [[name, process.env[name]]]))
}
