import { mkdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inject, type Injection } from '../../images/inject/artifact.ts'
import { Session } from '../pipeline/session.ts'
import { fromFileSystem } from '../pipeline/store.ts'
import { requireHostTools } from './doctor.ts'
import { createProgress } from './progress.ts'

const projectDir = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

/** Writes an ISO with packages installed in it. @throws ForgeError E_INJECT, E_IMAGE and the like; the given ISO is never written to */
export async function injectPackages(iso: string, packages: readonly string[], options: { output: string; store: string; json?: boolean; verbose?: boolean }, signal: AbortSignal): Promise<void> {
  await requireHostTools([], { images: true })
  using progress = createProgress({ stream: process.stderr, isTerminal: false, verbose: options.verbose === true })
  await using session = await Session.open({
    storeDir: options.store, outDir: dirname(resolve(options.output)), projectDir, mirrors: {}, offline: true, keepWorkdir: false, jobs: availableParallelism(), signal, emit: progress.emit,
  })
  const workDir = join(session.store.workDir, 'inject')
  await mkdir(workDir)
  const done = await inject({ iso, packages, output: options.output, exec: session.exec, log: session.log, workDir }).catch((error: unknown) => { throw fromFileSystem(error, `${options.store} or of ${options.output}`) })
  process.stdout.write(options.json === true ? `${JSON.stringify(done, null, 2)}\n` : text(done))
}

function text({ iso, sha256, sizeBytes, squashfs, packages }: Injection): string {
  return [
    `${iso}: ${String(sizeBytes)} bytes, SHA-256 ${sha256}`,
    `${squashfs.path}: ${String(squashfs.newBytes)} bytes, ${String(squashfs.newBytes - squashfs.oldBytes)} more than before`,
    ...packages.map(({ name, version }) => `installed ${name} ${version}`), '',
  ].join('\n')
}
