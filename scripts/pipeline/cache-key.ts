import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { build as bundle } from 'esbuild'
import { z } from 'zod'
import type { Sha256 } from '../domain/digest.ts'
import type { StageName } from '../domain/stage-name.ts'
import { canonicalJson, sha256File, sha256Of } from '../lib/digest.ts'
import { ForgeError } from '../lib/errors.ts'
import type { Exec } from '../lib/exec.ts'
import type { AnyStage } from './stage.ts'

/** Everything a stage's result depends on, by name; the key is the digest of it. */
export type KeyInputs = Readonly<Record<string, string>>

export interface StageKey {
  stage: StageName
  key: Sha256
  inputs: KeyInputs
}

export interface KeyContext {
  projectDir: string
  exec: Exec
}

const metaSchema = z.object({ outputs: z.record(z.string(), z.object({ entryPoint: z.string().optional(), inputs: z.record(z.string(), z.unknown()), imports: z.array(z.object({ path: z.string(), external: z.boolean().optional() })) })) })

/**
 * The keys of all stages, in order. No times and no absolute paths go in; the code of a stage counts with all that it
 * imports, so a change to a shared tool rebuilds what uses it and nothing else.
 */
export async function stageKeys(stages: readonly AnyStage[], plans: Readonly<Record<string, unknown>>, { projectDir, exec }: KeyContext): Promise<StageKey[]> {
  const [code, versions] = await Promise.all([codeDigests(stages, projectDir), toolVersions(stages, exec)])
  const keys: StageKey[] = []
  for (const stage of stages) {
    const inputs: Record<string, string> = {
      plan: sha256Of(canonicalJson(stage.keyOf ? stage.keyOf(plans[stage.name]) : plans[stage.name])),
      code: code.get(stage.name) ?? '',
    }
    for (const asset of stage.assets) inputs[`asset ${asset}`] = await assetDigest(join(projectDir, asset))
    for (const tool of stage.tools) inputs[`tool ${tool.package}`] = versions.get(tool.package) ?? 'not installed'
    for (const name of [...stage.reads, ...stage.alsoReads?.(plans[stage.name]) ?? []]) {
      const earlier = keys.find((key) => key.stage === name)
      if (!earlier) throw new ForgeError('E_BUG', `${stage.name} reads ${name}, which does not come before it`)
      inputs[`artifact ${name}`] = earlier.key
    }
    keys.push({ stage: stage.name, inputs, key: sha256Of(canonicalJson({ stage: stage.name, inputs })) })
  }
  return keys
}

/** Which inputs differ between two keys of one stage, for `explain`. */
export function changedInputs(before: KeyInputs, now: KeyInputs): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].sort().filter((name) => before[name] !== now[name])
}

// The bundler already knows what a module imports at run time; types are gone by then and do not count.
async function codeDigests(stages: readonly AnyStage[], projectDir: string): Promise<Map<StageName, Sha256>> {
  const folders = new Map(stages.map((stage) => [join(stageFolder(stage.name), 'stage.ts'), stage.name]))
  const result = await bundle({
    absWorkingDir: projectDir, entryPoints: [...folders.keys()], bundle: true, metafile: true, write: false, outdir: 'unused',
    packages: 'external', platform: 'node', format: 'esm', logLevel: 'silent',
  })
  const lockfile = JSON.parse(await readFile(join(projectDir, 'package-lock.json'), 'utf8')) as { packages: Record<string, { version?: string }> }
  const fileDigests = new Map<string, Promise<Sha256>>()
  const digests = new Map<StageName, Sha256>()
  for (const output of Object.values(metaSchema.parse(result.metafile).outputs)) {
    const stage = folders.get(output.entryPoint ?? '')
    if (stage === undefined) continue
    const lines: string[] = []
    for (const path of Object.keys(output.inputs).sort()) {
      const digest = fileDigests.get(path) ?? sha256File(join(projectDir, path))
      fileDigests.set(path, digest)
      lines.push(`${await digest}  ${path}`)
    }
    for (const name of new Set(output.imports.filter((entry) => entry.external).map((entry) => entry.path))) {
      const version = lockfile.packages[`node_modules/${packageOf(name)}`]?.version
      if (version !== undefined) lines.push(`${packageOf(name)}@${version}`)
    }
    digests.set(stage, sha256Of(lines.sort().join('\n')))
  }
  return digests
}

/** Where a stage's code lives. */
export function stageFolder(stage: StageName): string {
  switch (stage) {
    case 'source': case 'headers': case 'modules': return `kernel/${stage}`
    case 'debs': return `packaging/${stage}`
    case 'iso': case 'smoke': return `images/${stage}`
    default: return stage satisfies never
  }
}

function packageOf(specifier: string): string {
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

async function toolVersions(stages: readonly AnyStage[], exec: Exec): Promise<Map<string, string>> {
  const names = [...new Set(stages.flatMap((stage) => stage.tools.map((tool) => tool.package)))].sort()
  const { stdout } = await exec(['dpkg-query', '-W', '-f', '${Package} ${Version}\\n', ...names] as unknown as readonly [string, ...string[]], { okStatus: [0, 1], doing: 'ask for the versions of the host\'s tools' })
  return new Map(stdout.trim().split('\n').map((line) => line.split(' ') as [string, string]))
}

/** Names, executable bits and contents of a file or tree. */
async function assetDigest(path: string): Promise<Sha256> {
  const info = await stat(path)
  if (info.isFile()) return sha256File(path)
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  // What Python compiled while it ran here is no part of the project.
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).filter((file) => !file.includes('/__pycache__/')).sort()
  const lines = await Promise.all(files.map(async (file) => `${await sha256File(file)} ${((await stat(file)).mode & 0o100) === 0 ? '-' : 'x'} ${relative(path, file)}`))
  return sha256Of(lines.join('\n'))
}
