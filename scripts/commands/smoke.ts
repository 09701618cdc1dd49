import { createWriteStream, type WriteStream } from 'node:fs'
import { access, copyFile, mkdir, readdir, stat } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { certificateText } from '../../images/iso/secure-boot/key.ts'
import type { IsoSpec } from '../../images/iso/spec.ts'
import { smokeReport, type SmokeArtifact } from '../../images/smoke/artifact.ts'
import { planBoots } from '../../images/smoke/plan.ts'
import { refuseUnsigned } from '../../images/smoke/resolve.ts'
import { smokeIso } from '../../images/smoke/run.ts'
import { smoke } from '../../images/smoke/stage.ts'
import type { SmokeSpec } from '../../images/smoke/spec.ts'
import { sha256File } from '../lib/digest.ts'
import { ForgeError } from '../lib/errors.ts'
import type { LogEvent } from '../lib/log.ts'
import { publish } from '../pipeline/publish.ts'
import { renderHtml } from '../pipeline/report/html.ts'
import { renderJUnit } from '../pipeline/report/junit.ts'
import type { BuildReport } from '../pipeline/report/report.ts'
import { loadedTarget, openSession, smokeFailure, withKept } from './build.ts'
import { requireHostTools } from './doctor.ts'
import type { BuildOptions } from './options.ts'
import { createProgress } from './progress.ts'

/** Puts any router image into the lab, with the checks and the login of the target's `smoke` section. */
export async function smokeAny(iso: string, options: BuildOptions, signal: AbortSignal): Promise<void> {
  const path = resolve(iso)
  await access(path).catch((cause: unknown) => { throw new ForgeError('E_ISO', `${iso} cannot be read`, { hint: 'give the path of an ISO file', cause }) })
  const loaded = await loadedTarget(options)
  if (!loaded) throw new ForgeError('E_USAGE', 'a lock says nothing about another image', { hint: 'leave --locked out' })
  const [isoSpec, smokeSpec] = [loaded.target.iso as IsoSpec, loaded.target.smoke as SmokeSpec]
  const { secureBoot, rootPassword } = isoSpec.kind === 'existing' ? {} : isoSpec
  refuseUnsigned(smokeSpec, secureBoot !== undefined)
  const certificate = secureBoot && await certificateText(resolve(loaded.dir, secureBoot.certificate))
  const plan = planBoots(smokeSpec, rootPassword, {})
  const name = basename(path).replace(/\.iso$/i, '')
  if (options.dryRun === true) {
    process.stdout.write(`${JSON.stringify({ target: name, stages: [{ name: 'smoke', key: await sha256File(path), plan }] }, null, 2)}\n`)
    return
  }
  await requireHostTools([smoke])
  using progress = createProgress({ stream: process.stderr, isTerminal: process.stderr.isTTY, verbose: options.verbose === true })
  await using session = await openSession(options, signal, progress)
  progress.start([{ name: 'smoke', title: smoke.title }])
  progress.onStage({ stage: 'smoke', state: 'running' })
  const started = performance.now()
  const [workDir, outDir] = [join(session.store.workDir, 'lab'), join(session.store.workDir, 'evidence')]
  await mkdir(workDir)
  await mkdir(outDir)
  const failedDir = join(options.out, `${name}.failed`)
  const image = { name: basename(path), sha256: await sha256File(path), sizeBytes: (await stat(path)).size }
  const logFile = createWriteStream(join(outDir, 'smoke.log'))
  const log = session.logFor('smoke', (event) => { logFile.write(logLine(event)) })
  log.note(`${image.name}: ${String(image.sizeBytes)} bytes, SHA-256 ${image.sha256}`)
  let artifact: SmokeArtifact
  try {
    artifact = await smokeIso({ medium: { iso: path }, certificate, plan, exec: session.execFor(log), log, signal, workDir, outDir })
  } catch (error) {
    progress.onStage({ stage: 'smoke', state: 'failed', ms: Math.round(performance.now() - started) })
    progress.stop()
    await ended(logFile)
    throw await withEvidence(error, outDir, join(failedDir, 'logs'))
  }
  await ended(logFile)
  const ms = Math.round(performance.now() - started)
  progress.onStage({ stage: 'smoke', state: artifact.verdict === 'pass' ? 'done' : 'failed', ms })
  progress.stop()

  let report: BuildReport = { target: name, verdict: artifact.verdict, stages: [{ name: 'smoke', key: image.sha256, cached: false, ms }], artifacts: [], smoke: smokeReport(artifact) }
  const dir = artifact.verdict === 'pass' ? join(options.out, `${name}.smoke`) : failedDir
  const evidence = artifact.boots.flatMap((boot) => boot.evidence).map((file) => ({ path: join('smoke', file), from: { copy: join(outDir, file) } }))
  await publish(dir, [{ path: 'logs/smoke.log', from: { copy: join(outDir, 'smoke.log') } }, ...evidence], (artifacts) => {
    // Which image was tested; it stays where it is.
    report = { ...report, artifacts: [{ path: relative(dir, path), sha256: image.sha256, sizeBytes: image.sizeBytes }, ...artifacts] }
    const notes = [`Tested image: ${image.name}, ${String(image.sizeBytes)} bytes, SHA-256 ${image.sha256}`]
    return [
      { path: 'report.json', from: { text: `${JSON.stringify(report, null, 2)}\n` } },
      { path: 'report.html', from: { text: renderHtml(report, { title: `nat64-forge: ${name}`, generatedFrom: { joolVersion: '', kernelRelease: '', suite: '' }, notes, logs: ['logs/smoke.log'] }) } },
      { path: 'junit.xml', from: { text: renderJUnit(report) } },
    ]
  })
  process.stdout.write(options.json === true ? `${JSON.stringify(report, null, 2)}\n` : `${dir}\n`)
  if (report.verdict === 'fail') throw smokeFailure(report, dir)
}

/** Console, captures and log of a lab that broke outlive its scratch folder. An interrupt leaves nothing. */
async function withEvidence(error: unknown, from: string, to: string): Promise<unknown> {
  if (error instanceof ForgeError && error.code === 'E_INTERRUPTED') return error
  await mkdir(to, { recursive: true })
  for (const file of await readdir(from)) await copyFile(join(from, file), join(to, file))
  return withKept(error, `console, captures and log: ${to}`)
}

function ended(file: WriteStream): Promise<void> {
  return new Promise((resolve) => { file.end(resolve) })
}

function logLine(event: LogEvent): string {
  if (event.kind === 'bytes') return ''
  return event.kind === 'command' ? `$ ${event.text}\n` : event.kind === 'output' ? `${event.text}\n` : `-- ${event.text}\n`
}
