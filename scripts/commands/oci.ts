import { readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { checkOutput, checkOutputSpace } from '../../images/inject/artifact.ts'
import { containerLocked, containerNote, givenFact, resolveContainer, writeContainerImage, type ContainerImage, type ContainerLocked, type GivenFact } from '../../packaging/oci/artifact.ts'
import { suites, type Suite } from '../domain/suite.ts'
import { requireRoot } from '../lib/build-root.ts'
import { ForgeError } from '../lib/errors.ts'
import { parseSpec } from '../lib/parse-spec.ts'
import type { Session } from '../pipeline/session.ts'
import { stages } from '../pipeline/stages.ts'
import { fromFileSystem } from '../pipeline/store.ts'
import { findTarget, loadTarget } from '../pipeline/target.ts'
import { openSession, projectDir } from './build.ts'
import { builtFor, type BundleOptions } from './bundle.ts'
import { requireHostTools } from './doctor.ts'
import { createProgress } from './progress.ts'
import { publishOutput } from './publish-output.ts'

export interface OciOptions extends BundleOptions {
  locked?: string
}

/** With `--json`: the image, and what to give to `--locked` for the same bytes. */
interface Result extends ContainerImage {
  lock: ContainerLocked
}

/**
 * Writes a container image for VyOS's `container` and other users of podman: nat64ctl as given or as a target's stages make it, and TAYGA.
 * @throws ForgeError E_USAGE, E_DEB, E_LOCK and the like
 */
export async function oci(packages: readonly string[], { locked, ...options }: OciOptions, signal: AbortSignal): Promise<void> {
  const builds = packages.length === 0
  if (!builds && options.target !== undefined) throw new ForgeError('E_USAGE', 'a target is built only where no packages are given', { hint: 'leave out --target, or the packages' })
  const wanted = builds ? stages.slice(0, stages.findIndex(({ name }) => name === 'debs') + 1) : []
  requireRoot('make a container\'s root file system')
  await requireHostTools(wanted, { container: true })
  // What would stop the run at its end is better said before it starts.
  await checkOutput(options.output, '', 0)
  const fixed = locked === undefined ? undefined : await readLocked(locked)
  using progress = createProgress({ stream: process.stderr, isTerminal: builds && process.stderr.isTTY, verbose: options.verbose === true })
  await using session = await openSession({ ...options, out: dirname(resolve(options.output)) }, signal, progress)
  const debs = builds ? (await builtFor(options, wanted, session, progress)).packages : packages
  const lock = fixed?.lock ?? await obtainLock(builds ? await suiteOf(options) : 'bookworm', options.update === true, session)
  // Packed as they are, packages are about as large as the image.
  await checkOutputSpace(options.output, lock.packages.reduce((sum, { file }) => sum + file.sizeBytes, 0) / 2)
  const image = await writeContainerImage({ packages: debs, locked: lock, expected: fixed?.given, projectDir, exec: session.exec, log: session.log, fetch: session.fetch, workDir: join(session.store.workDir, 'oci') })
    .catch((error: unknown) => { throw fromFileSystem(error, options.store) })
  await publishOutput(image.path, options.output, session.exec)
  const done: Result = { ...image, path: options.output, lock }
  process.stdout.write(options.json === true ? `${JSON.stringify(done, null, 2)}\n` : text(done))
}

async function suiteOf(options: OciOptions): Promise<Suite> {
  const { target } = await loadTarget(await findTarget(options.target, projectDir), stages)
  return suites.find((suite) => suite === target.suite) ?? 'bookworm'
}

/** That of the last image, unless it is to be made anew: an image does not change by itself. */
async function obtainLock(suite: Suite, update: boolean, session: Session): Promise<ContainerLocked> {
  const note = containerNote(suite)
  const known = update ? undefined : await session.store.readNote(note)
  const found = containerLocked.safeParse(known === undefined ? undefined : JSON.parse(known))
  if (found.success) return found.data
  const lock = await resolveContainer(suite, session.archive)
  await session.store.writeNote(note, JSON.stringify(lock))
  return lock
}

/** What `--json` printed. */
async function readLocked(file: string): Promise<{ lock: ContainerLocked; given: GivenFact[] }> {
  const content = await readFile(file, 'utf8').catch((cause: unknown) => { throw new ForgeError('E_LOCK', `the lock ${file} cannot be read`, { hint: 'give what `nat64-forge oci --json` printed', cause }) })
  return parseSpec(content, basename(file), z.looseObject({ lock: containerLocked, given: z.array(givenFact) }), 'E_LOCK')
}

function text({ path, sizeBytes, sha256, reference, digest, packages, leftOut }: Result): string {
  return [
    `${path}: ${String(sizeBytes)} bytes, SHA-256 ${sha256}`, `localhost/${reference}, ${digest}`, `${String(packages.length)} packages; --json lists them`,
    ...leftOut.map((name) => `left out: ${name}`), `on the router: sudo podman load -i ${basename(path)}`, '',
  ].join('\n')
}
