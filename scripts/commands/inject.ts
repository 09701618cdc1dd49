import { access, mkdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { checkOutput, inject, type Injection, type InjectMode } from '../../images/inject/artifact.ts'
import { bootedKernel, openRouterImage, systemOf, toChange } from '../../images/inspect/artifact.ts'
import type { ExistingPlan } from '../../images/iso/existing/plan.ts'
import { requestOf, type InjectionRequest } from '../../images/iso/existing/run.ts'
import type { ExistingSpec } from '../../images/iso/existing/spec.ts'
import type { IsoSpec } from '../../images/iso/spec.ts'
import type { HeadersArtifact } from '../../kernel/headers/artifact.ts'
import type { HeadersSpec } from '../../kernel/headers/spec.ts'
import packageJson from '../../package.json' with { type: 'json' }
import type { DebsArtifact } from '../../packaging/debs/artifact.ts'
import type { StageName } from '../domain/stage-name.ts'
import { ForgeError } from '../lib/errors.ts'
import type { Exec } from '../lib/exec.ts'
import { prepare } from '../pipeline/prepare.ts'
import { runStages } from '../pipeline/run.ts'
import type { Session } from '../pipeline/session.ts'
import type { AnyStage, Stored } from '../pipeline/stage.ts'
import { stages } from '../pipeline/stages.ts'
import { fromFileSystem } from '../pipeline/store.ts'
import { findTarget, loadTarget, ownTargetFile } from '../pipeline/target.ts'
import { openSession, projectDir } from './build.ts'
import { requireHostTools } from './doctor.ts'
import type { BuildOptions } from './options.ts'
import type { Progress } from './progress-display.ts'
import { createProgress } from './progress.ts'
import { shippedTargets } from './targets.ts'

export interface InjectOptions extends Pick<BuildOptions, 'update' | 'offline' | 'mirror' | 'debianMirror' | 'debianSecurityMirror'> {
  target?: string
  output?: string
  packages?: string[]
  script?: string
  kernel: 'keep' | 'replace'
  mode: InjectMode
  diff?: boolean
  store: string
  json?: boolean
  verbose?: boolean
}

/**
 * Writes an ISO with packages installed in it, or says what would change. Where none are given, they are what a target's stages make for
 * the ISO's kernel.
 * @throws ForgeError E_INJECT, E_IMAGE and the like; the given ISO is never written to
 */
export async function injectPackages(iso: string, packages: readonly string[], options: InjectOptions, signal: AbortSignal): Promise<void> {
  if (options.diff !== true && options.output === undefined) throw new ForgeError('E_USAGE', 'nothing says where the new ISO goes', { hint: 'give --output NEW.iso, or --diff to see what would change' })
  if (options.diff === true && options.output !== undefined) throw new ForgeError('E_USAGE', '--diff writes nothing, so --output has no meaning beside it', { hint: 'leave one of them out' })
  const builds = options.target !== undefined || (packages.length === 0 && options.script === undefined)
  const wanted = builds ? stages.slice(0, stages.findIndex(({ name }) => name === 'debs') + 1) : []
  await requireHostTools(wanted, { images: true })
  const output = options.diff === true ? undefined : options.output
  // What would stop the run at its end is better said before it starts.
  if (output !== undefined) await checkOutput(output, iso, 0)
  using progress = createProgress({ stream: process.stderr, isTerminal: builds && process.stderr.isTTY, verbose: options.verbose === true })
  await using session = await openSession({ ...options, offline: builds ? options.offline === true : true, out: dirname(resolve(output ?? iso)) }, signal, progress)
  const given = { iso, packages, folders: options.packages ?? [], script: options.script, kernel: options.kernel, mode: options.mode }
  const request = builds ? joined(given, await builtFor(iso, options, wanted, session, progress)) : given
  const workDir = join(session.store.workDir, 'inject')
  // Files of the image lie there as they are, setuid bits and all.
  await mkdir(workDir, { mode: 0o700 })
  const done = await inject({ ...request, output, toolVersion: packageJson.version, exec: session.exec, log: session.log, workDir })
    .catch((error: unknown) => { throw fromFileSystem(error, output === undefined ? options.store : `${options.store} or of ${output}`) })
  const { files, present: _, ...rest } = done
  process.stdout.write(options.json === true ? `${JSON.stringify(output === undefined ? { ...rest, files } : rest, null, 2)}\n` : text(done, files))
}

/** Runs a target's stages up to its packages, with this ISO in the place of its image. */
async function builtFor(iso: string, options: InjectOptions, wanted: readonly AnyStage[], session: Session, progress: Progress): Promise<InjectionRequest> {
  const path = resolve(iso)
  await access(path).catch((cause: unknown) => { throw new ForgeError('E_IMAGE', `${iso} cannot be read`, { hint: 'give the path of a router\'s live ISO', cause }) })
  const loaded = await loadTarget(await targetFileFor(path, options.target, { exec: session.exec, workDir: session.store.workDir }), stages)
  const spec: ExistingSpec = {
    kind: 'existing', from: path, kernel: options.kernel === 'replace' ? 'replace' : 'own', mode: options.mode, packages: (loaded.target.iso as IsoSpec).packages,
    ...(options.script === undefined ? {} : { script: resolve(options.script) }),
  }
  const headers = options.kernel === 'replace' ? loaded.target.headers : await headersOf(path, loaded.target.headers as HeadersSpec, session)
  const target = { ...loaded.target, iso: spec, headers }
  const prepared = await prepare({ ...loaded, target }, { update: options.update === true }, stages, session)
  progress.start(wanted.map(({ name, title }) => ({ name, title })))
  const results = await runStages(prepared, { until: 'debs', onStage: progress.onStage }, wanted, session).finally(() => { progress.stop() })
  const stored = <T>(name: StageName): Stored<T> => {
    const result = results.find((one) => one.name === name)
    if (!result) throw new ForgeError('E_BUG', `the stage ${name} has not run`)
    return { ...result.artifact as T, dir: result.dir }
  }
  const workDir = join(session.store.workDir, 'request')
  await mkdir(workDir)
  return await requestOf(prepared.plans['iso'] as ExistingPlan, {
    before: { debs: stored<DebsArtifact>('debs'), headers: stored<HeadersArtifact>('headers') }, exec: session.exec, log: session.log, fetch: session.fetch, workDir,
  })
}

/** The given target, or one's own; else, of the shipped ones for Debian, that of the image's suite: what is compiled has to fit its libraries. */
export async function targetFileFor(iso: string, given: string | undefined, deps: { exec: Exec; workDir?: string }): Promise<string> {
  const file = await findTarget(given, projectDir)
  if (given !== undefined || basename(file) === ownTargetFile) return file
  await using image = await openRouterImage(iso, deps).catch(toChange)
  const { suite } = await systemOf(image)
  return (await shippedTargets()).find((target) => target.name.startsWith('debian-') && target.suite === suite)?.file ?? file
}

/** The target's headers, where they can follow: of this image, or of Debian's kernel that it boots. */
async function headersOf(iso: string, headers: HeadersSpec, { exec, store }: Session): Promise<HeadersSpec> {
  if (headers.provider === 'iso') return { ...headers, iso }
  if (headers.provider !== 'debian') return headers
  await using image = await openRouterImage(iso, { exec, workDir: store.workDir }).catch(toChange)
  const { release } = await bootedKernel(image)
  const { flavour: _, ...rest } = headers
  return { ...rest, release }
}

/** What was given beside what was built. */
function joined(given: InjectionRequest, built: InjectionRequest): InjectionRequest {
  return { ...built, packages: [...given.packages, ...built.packages], folders: [...given.folders ?? [], ...built.folders ?? []] }
}

/** How much larger or smaller than before. Pure. */
export function sizeChange({ oldBytes, newBytes }: Pick<NonNullable<Injection['squashfs']>, 'oldBytes' | 'newBytes'>): string {
  return newBytes === oldBytes ? 'as many as before' : newBytes > oldBytes ? `${String(newBytes - oldBytes)} more than before` : `${String(oldBytes - newBytes)} fewer than before`
}

const marks = { added: '+', changed: '~', removed: '-' } as const

/** A result for people: with an ISO what it is, without one the files that would change. */
function text({ iso, squashfs, packages, removed, modulesListed, initrds, kernel, notes }: Injection, files: Injection['files']): string {
  const lines = [
    ...(iso ? [`${iso.path}: ${String(iso.sizeBytes)} bytes, SHA-256 ${iso.sha256}`] : files.map(({ path, change, oldBytes, newBytes }) => `${marks[change]} ${path}${sizes(oldBytes, newBytes)}`)),
    ...(squashfs ? [`${squashfs.path}: ${String(squashfs.newBytes)} bytes, ${sizeChange(squashfs)}`] : []),
    ...packages.map(({ name, version, was, oldVersion }) => `${was} ${name} ${version}${oldVersion !== null && oldVersion !== version ? ` (was ${oldVersion})` : ''}`),
    ...removed.map(({ name, version }) => `removed ${name} ${version}`),
    ...modulesListed.map((release) => `lists of modules made for ${release}`), ...initrds.map((release) => `initrd made for ${release}`),
    ...(kernel === null ? [] : [`the kernel is now ${kernel}`]), ...(files.length === 0 ? ['nothing in the image changes'] : []),
    ...notes.map((note) => `note: ${note}`),
  ]
  // Names of files are the image's: on a terminal they may not steer it.
  return `${lines.map((line) => line.replace(/\p{Cc}/gu, '?')).join('\n')}\n`
}

function sizes(oldBytes: number | null, newBytes: number | null): string {
  if (oldBytes === null && newBytes === null) return ''
  if (oldBytes === null || newBytes === null) return `  ${String(oldBytes ?? newBytes)}`
  return `  ${String(oldBytes)} -> ${String(newBytes)}`
}
