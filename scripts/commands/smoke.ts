import { access, mkdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { smokeReport } from '../../images/smoke/artifact.ts'
import { planBoots } from '../../images/smoke/plan.ts'
import { smokeIso } from '../../images/smoke/run.ts'
import { smoke } from '../../images/smoke/stage.ts'
import type { SmokeSpec } from '../../images/smoke/spec.ts'
import { sha256Of } from '../lib/digest.ts'
import { ForgeError } from '../lib/errors.ts'
import { publish } from '../pipeline/publish.ts'
import { renderHtml } from '../pipeline/report/html.ts'
import { renderJUnit } from '../pipeline/report/junit.ts'
import type { BuildReport } from '../pipeline/report/report.ts'
import { loadedTarget, openSession, smokeFailure } from './build.ts'
import { requireHostTools } from './doctor.ts'
import type { BuildOptions } from './options.ts'
import { createProgress } from './progress.ts'

/** Puts any router image into the lab, with the checks and the login of the target's `smoke` section. */
export async function smokeAny(iso: string, options: BuildOptions, signal: AbortSignal): Promise<void> {
  const path = resolve(iso)
  await access(path).catch((cause: unknown) => { throw new ForgeError('E_ISO', `${iso} cannot be read`, { hint: 'give the path of an ISO file', cause }) })
  const loaded = await loadedTarget(options)
  if (!loaded) throw new ForgeError('E_USAGE', 'a lock says nothing about another image', { hint: 'leave --locked out' })
  await requireHostTools([smoke])
  using progress = createProgress({ stream: process.stderr, isTerminal: process.stderr.isTTY, verbose: options.verbose === true })
  await using session = await openSession(options, signal, progress)
  progress.start([{ name: 'smoke', title: smoke.title }])
  progress.onStage({ stage: 'smoke', state: 'running' })
  const started = performance.now()
  const [workDir, outDir] = [join(session.store.workDir, 'lab'), join(session.store.workDir, 'evidence')]
  await mkdir(workDir)
  await mkdir(outDir)
  const log = session.logFor('smoke', () => undefined)
  const artifact = await smokeIso({ iso: path, plan: planBoots(loaded.target.smoke as SmokeSpec, {}), exec: session.execFor(log), log, signal, workDir, outDir })
  const ms = Math.round(performance.now() - started)
  progress.onStage({ stage: 'smoke', state: artifact.verdict === 'pass' ? 'done' : 'failed', ms })
  progress.stop()

  const name = basename(path).replace(/\.iso$/i, '')
  let report: BuildReport = { target: name, verdict: artifact.verdict, stages: [{ name: 'smoke', key: sha256Of(path), cached: false, ms }], artifacts: [], smoke: smokeReport(artifact) }
  const dir = join(options.out, artifact.verdict === 'pass' ? `${name}.smoke` : `${name}.failed`)
  await publish(dir, artifact.boots.flatMap((boot) => boot.evidence).map((file) => ({ path: join('smoke', file), from: { copy: join(outDir, file) } })), (artifacts) => {
    report = { ...report, artifacts }
    return [
      { path: 'report.json', from: { text: `${JSON.stringify(report, null, 2)}\n` } },
      { path: 'report.html', from: { text: renderHtml(report, { title: `nat64-forge: ${name}`, generatedFrom: { joolVersion: '', kernelRelease: '', suite: '' }, notes: [], logs: [] }) } },
      { path: 'junit.xml', from: { text: renderJUnit(report) } },
    ]
  })
  process.stdout.write(options.json === true ? `${JSON.stringify(report, null, 2)}\n` : `${dir}\n`)
  if (report.verdict === 'fail') throw smokeFailure(report, dir)
}
