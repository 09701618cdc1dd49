import { readdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { checkOutput } from '../../images/inject/artifact.ts'
import type { IsoLocked, IsoSpec } from '../../images/iso/spec.ts'
import { writeBundle, type Bundle } from '../../packaging/bundle/artifact.ts'
import type { DebsArtifact } from '../../packaging/debs/artifact.ts'
import { ForgeError } from '../lib/errors.ts'
import { prepare } from '../pipeline/prepare.ts'
import { runStages } from '../pipeline/run.ts'
import type { Session } from '../pipeline/session.ts'
import type { AnyStage } from '../pipeline/stage.ts'
import { stages } from '../pipeline/stages.ts'
import { fromFileSystem } from '../pipeline/store.ts'
import { findTarget, loadTarget } from '../pipeline/target.ts'
import { openSession, projectDir } from './build.ts'
import { requireHostTools } from './doctor.ts'
import type { BuildOptions } from './options.ts'
import type { Progress } from './progress-display.ts'
import { createProgress } from './progress.ts'
import { publishOutput } from './publish-output.ts'

export interface BundleOptions extends Pick<BuildOptions, 'update' | 'offline' | 'mirror' | 'debianMirror' | 'debianSecurityMirror'> {
  target?: string
  output: string
  store: string
  json?: boolean
  verbose?: boolean
}

/**
 * Writes an archive for VyOS's /config: the given packages, or what a target's stages make, with TAYGA of the target's suite.
 * @throws ForgeError E_USAGE, E_DEB and the like
 */
export async function bundle(packages: readonly string[], options: BundleOptions, signal: AbortSignal): Promise<void> {
  const builds = packages.length === 0
  if (!builds && options.target !== undefined) throw new ForgeError('E_USAGE', 'a target is built only where no packages are given', { hint: 'leave out --target, or the packages' })
  const wanted = builds ? stages.slice(0, stages.findIndex(({ name }) => name === 'debs') + 1) : []
  await requireHostTools(wanted)
  // What would stop the run at its end is better said before it starts.
  await checkOutput(options.output, '', 0)
  using progress = createProgress({ stream: process.stderr, isTerminal: builds && process.stderr.isTTY, verbose: options.verbose === true })
  await using session = await openSession({ ...options, offline: builds ? options.offline === true : true, out: dirname(resolve(options.output)) }, signal, progress)
  const given = builds ? await builtFor(options, wanted, session, progress) : { packages, sources: [] }
  const archive = await writeBundle({ ...given, projectDir, exec: session.exec, log: session.log, workDir: join(session.store.workDir, 'bundle') })
    .catch((error: unknown) => { throw fromFileSystem(error, options.store) })
  await publishOutput(archive.path, options.output, session.exec)
  const done: Bundle = { ...archive, path: options.output }
  process.stdout.write(options.json === true ? `${JSON.stringify(done, null, 2)}\n` : text(done))
}

/** Runs a target's stages up to its packages; its image is not made. */
export async function builtFor(options: BundleOptions, wanted: readonly AnyStage[], session: Session, progress: Progress): Promise<{ packages: string[]; sources: string[] }> {
  const loaded = await loadTarget(await findTarget(options.target, projectDir), stages)
  const spec = loaded.target.iso as IsoSpec
  // Where Jool's module does not load, TAYGA keeps the network up; the lock says which one. The reference router has it anyway, so there the lock is that of a build.
  const iso = spec.kind === 'existing' ? { ...spec, packages: [...new Set([...spec.packages, 'tayga'])] } : spec
  const prepared = await prepare({ ...loaded, target: { ...loaded.target, iso } }, { update: options.update === true }, stages, session)
  progress.start(wanted.map(({ name, title }) => ({ name, title })))
  const results = await runStages(prepared, { until: 'debs', onStage: progress.onStage }, wanted, session).finally(() => { progress.stop() })
  const debs = results.find(({ name }) => name === 'debs')
  const tayga = (prepared.lock.stages['iso'] as IsoLocked).packages.find(({ name }) => name === 'tayga')
  if (debs === undefined || tayga === undefined) throw new ForgeError('E_BUG', 'the packages for the archive are not all there')
  const { packages, packagesDir } = debs.artifact as DebsArtifact
  const folder = join(debs.dir, packagesDir)
  const sources = (await readdir(folder)).filter((name) => !name.endsWith('.deb')).sort().map((name) => join(folder, name))
  return { packages: [...packages.map(({ file }) => join(debs.dir, file)), ...await session.fetch([tayga.file])], sources }
}

function text({ path, sizeBytes, sha256, kernel, packages, leftOut }: Bundle): string {
  return [
    `${path}: ${String(sizeBytes)} bytes, SHA-256 ${sha256}`,
    kernel === null ? 'without kernel modules: translators are TAYGA\'s' : `for the kernel ${kernel}`,
    ...packages.map(({ name, version }) => `${name} ${version}`), ...leftOut.map((name) => `left out: ${name}`),
    'on the router: sudo tar -xf ARCHIVE -C /config && sudo /config/nat64-forge/install', '',
  ].join('\n')
}
