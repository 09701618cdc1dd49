import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { DebsArtifact } from '../../packaging/debs/artifact.ts'
import type { HeadersArtifact } from '../../kernel/headers/artifact.ts'
import type { IsoArtifact } from '../../images/iso/artifact.ts'
import type { ModulesArtifact } from '../../kernel/modules/artifact.ts'
import { smokeReport, type SmokeArtifact } from '../../images/smoke/artifact.ts'
import type { StageName } from '../domain/stage-name.ts'
import { writeLock } from '../pipeline/lock.ts'
import type { Prepared } from '../pipeline/prepare.ts'
import { alreadyPublished, publish, removeOutput, type OutputPart } from '../pipeline/publish.ts'
import { renderHtml } from '../pipeline/report/html.ts'
import { renderJUnit } from '../pipeline/report/junit.ts'
import type { BuildReport } from '../pipeline/report/report.ts'
import type { StageResult } from '../pipeline/run.ts'

/**
 * Puts a run's results into `out/<target>`, or, when the router failed its test, the evidence alone into
 * `out/<target>.failed`. Nothing is touched when the same results are there already.
 */
export async function output(prepared: Prepared, results: readonly StageResult[], outDir: string, signal: AbortSignal): Promise<BuildReport> {
  const name = prepared.lock.target.target
  const smoke = artifactOf<SmokeArtifact>(results, 'smoke')
  const injected = artifactOf<IsoArtifact>(results, 'iso')?.injected
  const verdict = smoke?.verdict ?? 'pass'
  const report = (artifacts: BuildReport['artifacts']): BuildReport => ({
    target: name, verdict,
    stages: results.map(({ name: stage, key, cached, ms }) => ({ name: stage, key, cached, ms })),
    artifacts,
    ...(injected ? { injected } : {}),
    ...(smoke ? { smoke: smokeReport(smoke) } : {}),
  })
  const dir = join(outDir, verdict === 'pass' ? name : `${name}.failed`)
  const fresh = results.some((result) => !result.cached)
  const there = fresh || verdict === 'fail' ? undefined : await alreadyPublished(dir, results.map((result) => result.key))
  if (there) return report(there.artifacts)

  let final = report([])
  await publish(dir, await partsOf(prepared, results, verdict), (artifacts) => {
    final = report(artifacts)
    return [
      { path: 'report.json', from: { text: `${JSON.stringify(final, null, 2)}\n` } },
      { path: 'report.html', from: { text: renderHtml(final, facts(prepared, results, artifacts)) } },
      ...(final.smoke ? [{ path: 'junit.xml', from: { text: renderJUnit(final) } }] : []),
    ]
  }, signal)
  if (verdict === 'pass') await removeOutput(join(outDir, `${name}.failed`))
  return final
}

async function partsOf(prepared: Prepared, results: readonly StageResult[], verdict: 'pass' | 'fail'): Promise<OutputPart[]> {
  const parts: OutputPart[] = [{ path: 'lock.yaml', from: { text: writeLock(prepared.lock) } }]
  for (const { name, logFile } of results) if (await exists(logFile)) parts.push({ path: `logs/${name}.log`, from: { copy: logFile } })
  const copy = (stage: StageName, from: string, path: string): void => {
    const result = results.find((candidate) => candidate.name === stage)
    if (result) parts.push({ path, from: { copy: join(result.dir, from) } })
  }
  for (const path of artifactOf<SmokeArtifact>(results, 'smoke')?.boots.flatMap((boot) => boot.evidence) ?? []) copy('smoke', path, join('smoke', path))
  if (verdict === 'fail') return parts
  const headers = artifactOf<HeadersArtifact>(results, 'headers')
  const modules = artifactOf<ModulesArtifact>(results, 'modules')
  const debs = artifactOf<DebsArtifact>(results, 'debs')
  const iso = artifactOf<IsoArtifact>(results, 'iso')
  // Modules on their own only when nothing was made of them: otherwise they are in the packages.
  if (modules && !debs) copy('modules', 'modules', 'modules')
  // A kernel that was compiled here is wanted as packages too, with its sources; one that was given its giver has.
  if (headers?.provider === 'source') copy('headers', 'packages', 'kernel')
  if (debs) {
    copy('debs', debs.packagesDir, 'packages')
    copy('debs', debs.aptDir, 'apt')
  }
  if (iso) {
    copy('iso', iso.isoName, iso.isoName)
    parts.push({ path: 'iso-packages.txt', from: { text: iso.manifest } })
  }
  return parts
}

function facts(prepared: Prepared, results: readonly StageResult[], artifacts: BuildReport['artifacts']): Parameters<typeof renderHtml>[1] {
  const modules = artifactOf<ModulesArtifact>(results, 'modules')
  return {
    title: `nat64-forge: ${prepared.lock.target.target}`,
    generatedFrom: { joolVersion: modules?.joolVersion ?? '', kernelRelease: modules?.release ?? '', suite: prepared.lock.target.suite },
    notes: [...(modules ? [`${String(modules.crcsChecked)} imported symbols have the kernel's CRC`] : []), ...injectedNotes(artifactOf<IsoArtifact>(results, 'iso')?.injected)],
    logs: artifacts.map((artifact) => artifact.path).filter((path) => path.startsWith('logs/')),
  }
}

/** For people: what was done to an image that was there before. */
function injectedNotes(injected: BuildReport['injected']): string[] {
  if (!injected) return []
  const { into, mode, packages, removed, initrds, kernel, notes } = injected
  return [
    `the image is ${into} with ${packages.map(({ name, version, was }) => `${name} ${version} (${was})`).join(', ')} (${mode})`,
    ...(removed.length === 0 ? [] : [`removed from it: ${removed.map(({ name, version }) => `${name} ${version}`).join(', ')}`]),
    ...(kernel === null ? [] : [`its kernel is now ${kernel}`]), ...initrds.map((release) => `initrd made for ${release}`), ...notes,
  ]
}

function artifactOf<T>(results: readonly StageResult[], name: StageName): T | undefined {
  return results.find((result) => result.name === name)?.artifact as T | undefined
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false)
}
