import { createWriteStream } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CheckResult } from '../../images/smoke/artifact.ts'
import { runConformance, type ConformanceRun } from '../../images/smoke/conformance/boot.ts'
import { table } from '../../images/smoke/conformance/table.ts'
import { bootScenarios } from '../../images/smoke/scenarios/boot.ts'
import { bootFailOver, failOverId } from '../../images/smoke/scenarios/fail-over.ts'
import { allScenarios } from '../../images/smoke/scenarios/list.ts'
import { describeError } from '../lib/describe-error.ts'
import { sha256File } from '../lib/digest.ts'
import { ForgeError } from '../lib/errors.ts'
import { createExec, interrupted } from '../lib/exec.ts'
import { silentLog, type Log } from '../lib/log.ts'
import { publish } from '../pipeline/publish.ts'
import { renderHtml } from '../pipeline/report/html.ts'
import { renderJUnit } from '../pipeline/report/junit.ts'
import type { BuildReport } from '../pipeline/report/report.ts'
import { randomConfigurations } from './random-configurations.ts'
import { readArguments } from './read-arguments.ts'

// The whole conformance table on a router image, in one boot: what the RFCs ask of a translator, packet by packet. Then, in another boot, what
// a router with nat64ctl has to come through: firewalls, flaps, failures, reboots.
//
//   npm run smoke:full                         builds the default target's ISO if needed, all modes, NAT64 and NAT46, all scenarios
//   npm run smoke:full -- ISO [--out DIR] [--mode inline]… [--kind nat64]… [--only PART-OF-A-NAME]… [--scenario PART-OF-A-NAME]… [--password PASSWORD] [--limit SECONDS]
//
// --mode, --kind or --only alone leave the scenarios out, --scenario alone the table; "--scenario firewall" is those of the firewall, "--scenario -" all of them.

// Isolated first: what NAT64 turns on in the router itself, the isolated one turns on in its own namespace only.
const modes = ['isolated', 'inline', 'iptables'] as const
// Stateless first: the kernel's reassembly, which NAT64 turns on, stays on after it.
const kinds = ['nat46', 'nat64'] as const
const project = fileURLToPath(new URL('../..', import.meta.url))

const { values, positionals } = readArguments('npm run smoke:full -- [ISO] [--out DIR] [--mode MODE]… [--kind KIND]… [--only PART]… [--scenario PART]… [--password PASSWORD] [--limit SECONDS]', {
  allowPositionals: true,
  options: {
    out: { type: 'string', default: 'out' }, mode: { type: 'string', multiple: true, default: [...modes, 'tayga'] }, kind: { type: 'string', multiple: true, default: [...kinds] },
    only: { type: 'string', multiple: true, default: [] }, scenario: { type: 'string', multiple: true, default: [] }, password: { type: 'string', default: 'router' }, limit: { type: 'string', default: '1200' },
  },
})
const asked = (...names: (keyof typeof values)[]): boolean => names.some((name) => process.argv.slice(2).some((argument) => argument === `--${name}` || argument.startsWith(`--${name}=`)))
const withTable = asked('mode', 'kind', 'only') || !asked('scenario')
const withScenario = (id: string): boolean => (asked('scenario') || !asked('mode', 'kind', 'only')) && (values.scenario.length === 0 || values.scenario.some((part) => id.includes(part)))
const scenarios = allScenarios.filter(({ id }) => withScenario(id))
const withFailOver = withScenario(failOverId)
const chosenModes = modes.filter((mode) => values.mode.includes(mode))
const chosenKinds = kinds.filter((kind) => values.kind.includes(kind))
const entries = table.filter(({ id }) => values.only.length === 0 || values.only.some((part) => id.includes(part)))
const limitMs = Number(values.limit) * 1000
if (!values.mode.every((mode) => mode === 'tayga' || (modes as readonly string[]).includes(mode)) || chosenKinds.length < values.kind.length || entries.length === 0 || (asked('scenario') && scenarios.length === 0 && !withFailOver) || !(limitMs > 0)) {
  process.stderr.write(`modes: ${modes.join(', ')} (of Jool), tayga; kinds: ${kinds.join(', ')}; --only is part of an entry's name, --scenario part of a scenario's; --limit is in seconds\n`)
  process.exit(64)
}

const abort = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => { abort.abort() })
const exec = createExec({ log: silentLog, signal: abort.signal })
const started = performance.now()
const say = (line: string): void => { process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}\n`) }
const log: Log = { ...silentLog, step: say }
const work = await mkdtemp(join(tmpdir(), 'nat64-forge-smoke-full-'))
try {
  const iso = positionals[0] === undefined ? await builtIso() : resolve(positionals[0])
  process.exitCode = await tested(iso) ? 0 : 1
} catch (error) {
  process.stderr.write(describeError(abort.signal.aborted ? interrupted() : error))
  process.exitCode = abort.signal.aborted ? 130 : 70
} finally {
  await rm(work, { recursive: true, force: true })
}

async function builtIso(): Promise<string> {
  say('no ISO given: building that of debian-12')
  const out = join(work, 'built')
  await exec([process.execPath, join(project, 'scripts/nat64-forge.mjs'), 'build', '--target', 'debian-12', '--until', 'iso', '--fast', '--out', out], { timeoutMs: 60 * 60_000, onLine: say })
  const iso = (await readdir(out, { recursive: true })).find((path) => path.endsWith('.iso'))
  if (iso === undefined) throw new ForgeError('E_BUG', 'the build made no ISO')
  return join(out, iso)
}

/** Runs what was chosen, writes the report; whether nothing failed. */
async function tested(iso: string): Promise<boolean> {
  const image = { name: basename(iso), sha256: await sha256File(iso), sizeBytes: (await stat(iso)).size }
  const tableFile = join(work, 'table.txt')
  const lines = createWriteStream(tableFile)
  const print = (line: string): void => {
    process.stdout.write(line)
    lines.write(line)
  }
  const consoles: string[] = []
  /** A guest's own folder, and where its console is kept. */
  const guest = async (name: string): Promise<{ workDir: string; consoleFile: string }> => {
    const [workDir, consoleFile] = [join(work, name), join(work, `console-${name}.log`)]
    await mkdir(workDir)
    consoles.push(consoleFile)
    return { workDir, consoleFile }
  }
  const common = { iso, login: { user: 'root', password: values.password }, exec, log, signal: abort.signal }
  let run: ConformanceRun | undefined
  let scenarioRun: Awaited<ReturnType<typeof bootScenarios>> | undefined
  const scenarioChecks: CheckResult[] = []
  try {
    if (withTable) {
      run = await runConformance({
        ...common, ...await guest('bios'), entries, modes: chosenModes, tayga: values.mode.includes('tayga'), kinds: chosenKinds, limitMs,
        onResult: ({ verdict, setup, kind, id, detail, limit }) => { print(`${verdict.padEnd(11)} ${setup} ${kind}  ${id}: ${detail}${limit ? ` [${limit.what}: ${limit.source}]` : ''}\n`) },
      })
    }
    if (scenarios.length > 0) {
      scenarioRun = await bootScenarios({
        ...common, ...await guest('scenarios'), scenarios, randomConfigurations: await randomConfigurations(exec, work, 50),
        onResult: ({ verdict, id, detail }) => { print(`${verdict.padEnd(11)} ${id}: ${detail}\n`) },
      })
      scenarioChecks.push(...scenarioRun.checks)
    }
    if (withFailOver) {
      const result = await bootFailOver({ ...common, ...await guest('fail-over') })
      print(`${result.verdict.padEnd(11)} ${result.id}: ${result.detail}\n`)
      scenarioChecks.push(result)
    }
  } catch (error) {
    if (!abort.signal.aborted) for (const file of consoles) await copyFile(file, resolve(values.out, `smoke-full-${basename(file)}`)).catch(() => undefined)
    throw error
  }
  await new Promise<void>((done) => { lines.end(done) })
  const results = run?.results ?? []
  const checks = [...run?.checks ?? [], ...scenarioChecks]
  const milestones = [...run?.milestones ?? [], ...scenarioRun?.milestones ?? []]
  const report = await written(iso, image, { accelerator: run?.accelerator ?? scenarioRun?.accelerator ?? 'tcg', milestones, checks, results }, { consoles, tableFile })
  const count = (verdict: string): number => results.filter((result) => result.verdict === verdict).length
  if (run !== undefined) say(`${String(count('pass'))} passed, ${String(count('fail'))} failed, ${String(count('known-limit'))} known limits, ${String(count('limit-gone'))} limits gone, ${String(count('skip'))} not possible here`)
  if (scenarioChecks.length > 0) say(`scenarios: ${(['pass', 'fail', 'skip'] as const).map((verdict) => `${String(scenarioChecks.filter((one) => one.verdict === verdict).length)} ${verdict}`).join(', ')}`)
  return report.verdict === 'pass'
}

async function written(iso: string, image: { name: string; sha256: string; sizeBytes: number }, run: ConformanceRun, files: { consoles: readonly string[]; tableFile: string }): Promise<BuildReport> {
  const { accelerator, milestones, checks, results } = run
  const name = `${image.name.replace(/\.iso$/i, '')}.smoke-full`
  const dir = resolve(values.out, name)
  let report: BuildReport = {
    target: name, verdict: [...checks, ...results].some(({ verdict }) => verdict === 'fail') ? 'fail' : 'pass',
    stages: [{ name: 'smoke', key: image.sha256, cached: false, ms: Math.round(performance.now() - started) }], artifacts: [], smoke: { accelerator, milestones, checks, conformance: results },
  }
  await publish(dir, [...files.consoles.map((file) => ({ path: `smoke/${basename(file)}`, from: { copy: file } })), { path: 'logs/table.txt', from: { copy: files.tableFile } }], (artifacts) => {
    report = { ...report, artifacts: [{ path: relative(dir, iso), sha256: image.sha256, sizeBytes: image.sizeBytes }, ...artifacts] }
    const notes = [`Tested image: ${image.name}, ${String(image.sizeBytes)} bytes, SHA-256 ${image.sha256}`]
    return [
      { path: 'report.json', from: { text: `${JSON.stringify(report, null, 2)}\n` } },
      { path: 'report.html', from: { text: renderHtml(report, { title: `nat64-forge: ${name}`, generatedFrom: { joolVersion: '', kernelRelease: '', suite: '' }, notes, logs: ['logs/table.txt'] }) } },
      { path: 'junit.xml', from: { text: renderJUnit(report) } },
    ]
  })
  say(`report: ${dir}`)
  return report
}
