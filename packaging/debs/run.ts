import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import type { RunDeps } from '../../scripts/pipeline/stage.ts'
import type { DebsArtifact } from './artifact.ts'
import { buildDeb } from './build-deb.ts'
import { buildinfo, buildinfoName, digestsOf } from './buildinfo.ts'
import { writeCorrespondingSource } from './corresponding-source.ts'
import type { ArtifactsBefore, ToolsTree } from './inputs.ts'
import { lint } from './lint.ts'
import type { DebsPlan } from './plan.ts'
import { keyringName, writeRepository } from './repository.ts'

/** @throws ForgeError E_PACKAGE when an ingredient is missing or a package fails its check */
export async function runDebs(plan: DebsPlan, deps: RunDeps<ArtifactsBefore>): Promise<DebsArtifact> {
  const { before, exec, log, outDir, projectDir, workDir } = deps
  const packagesDir = join(outDir, 'packages')
  const aptDir = join(outDir, 'apt')
  await mkdir(packagesDir, { recursive: true })

  const ingredients = {
    projectDir,
    modules: new Map(before.modules.modules.map(({ name, file }) => [name, join(before.modules.dir, file)])),
    tools: toolsOf(before),
    sourceDateEpoch: plan.sourceDateEpoch,
  }
  for (const one of plan.packages) {
    log.step(`pack ${one.fileName}`)
    const stageDir = join(workDir, one.name)
    await mkdir(stageDir)
    await buildDeb(one, stageDir, join(packagesDir, one.fileName), ingredients, exec)
    await rm(stageDir, { recursive: true })
  }

  const debFiles = plan.packages.map(({ fileName }) => join(packagesDir, fileName))
  log.step('check the packages with lintian')
  await lint(debFiles, exec)

  log.step('pack the corresponding source')
  const source = await writeCorrespondingSource(plan, before, { packages: packagesDir, work: workDir, project: projectDir }, exec)
  await writeFile(join(packagesDir, 'SOURCES.txt'), source.text)
  for (const one of new Map(plan.packages.map(({ source: from }) => [from.name, from])).values()) {
    const digests = await Promise.all(plan.packages.filter(({ source: from }) => from.name === one.name).map(({ fileName }) => digestsOf(packagesDir, fileName)))
    await writeFile(join(packagesDir, buildinfoName(one)), buildinfo(plan, one, digests))
  }

  log.step('write the apt repository')
  await writeRepository(plan, debFiles, aptDir, exec)

  return {
    version: plan.version,
    packages: await Promise.all(plan.packages.map(async ({ name, version, architecture, fileName }) => ({
      name, version, architecture,
      file: `packages/${fileName}`,
      sha256: await sha256File(join(packagesDir, fileName)),
      sizeBytes: (await stat(join(packagesDir, fileName))).size,
    }))),
    packagesDir: 'packages',
    aptDir: 'apt',
    ...(plan.signing === undefined ? {} : { keyring: `apt/${keyringName}` }),
  }
}

/** Compiled tools go before Debian's: they are of the same sources as the modules. */
function toolsOf({ source, modules }: ArtifactsBefore): ToolsTree {
  if (modules.tools !== undefined) return { ...modules.tools, dir: join(modules.dir, modules.tools.dir) }
  if (source.tools !== undefined) return { ...source.tools, dir: join(source.dir, source.tools.dir) }
  throw new ForgeError('E_PACKAGE', 'neither the source stage nor the modules stage has Jool\'s tools')
}
