import { mkdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inject, type Injection, type InjectMode } from '../../images/inject/artifact.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { ForgeError } from '../lib/errors.ts'
import { Session } from '../pipeline/session.ts'
import { fromFileSystem } from '../pipeline/store.ts'
import { requireHostTools } from './doctor.ts'
import { createProgress } from './progress.ts'

const projectDir = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

export interface InjectOptions {
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

/** Writes an ISO with packages installed in it, or says what would change. @throws ForgeError E_INJECT, E_IMAGE and the like; the given ISO is never written to */
export async function injectPackages(iso: string, packages: readonly string[], options: InjectOptions, signal: AbortSignal): Promise<void> {
  if (options.diff !== true && options.output === undefined) throw new ForgeError('E_USAGE', 'nothing says where the new ISO goes', { hint: 'give --output NEW.iso, or --diff to see what would change' })
  await requireHostTools([], { images: true })
  using progress = createProgress({ stream: process.stderr, isTerminal: false, verbose: options.verbose === true })
  const output = options.diff === true ? undefined : options.output
  await using session = await Session.open({
    storeDir: options.store, outDir: dirname(resolve(output ?? iso)), projectDir, mirrors: {}, offline: true, keepWorkdir: false, jobs: availableParallelism(), signal, emit: progress.emit,
  })
  const workDir = join(session.store.workDir, 'inject')
  await mkdir(workDir)
  const done = await inject({
    iso, packages, folders: options.packages ?? [], script: options.script, kernel: options.kernel, mode: options.mode, output, toolVersion: packageJson.version, exec: session.exec, log: session.log, workDir,
  }).catch((error: unknown) => { throw fromFileSystem(error, output === undefined ? options.store : `${options.store} or of ${output}`) })
  const { files, ...rest } = done
  process.stdout.write(options.json === true ? `${JSON.stringify(output === undefined ? done : rest, null, 2)}\n` : text(done, files))
}

const marks = { added: '+', changed: '~', removed: '-' } as const

/** A result for people: with an ISO what it is, without one the files that would change. */
function text({ iso, squashfs, packages, removed, modulesListed, initrds, kernel, notes }: Injection, files: Injection['files']): string {
  const lines = [
    ...(iso ? [`${iso.path}: ${String(iso.sizeBytes)} bytes, SHA-256 ${iso.sha256}`] : files.map(({ path, change, oldBytes, newBytes }) => `${marks[change]} ${path}${sizes(oldBytes, newBytes)}`)),
    ...(squashfs ? [`${squashfs.path}: ${String(squashfs.newBytes)} bytes, ${String(squashfs.newBytes - squashfs.oldBytes)} more than before`] : []),
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
