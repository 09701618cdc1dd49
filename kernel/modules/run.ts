import { copyFile, cp, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { HeadersArtifact } from '../headers/artifact.ts'
import type { SourceArtifact } from '../source/artifact.ts'
import { makeBuildRoot, runInRoot } from '../../scripts/lib/build-root.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { parseKernelModule } from '../../scripts/formats/kernel-module.ts'
import { parseSymvers } from '../../scripts/formats/symvers.ts'
import type { RunDeps, Stored } from '../../scripts/pipeline/stage.ts'
import type { ModulesArtifact } from './artifact.ts'
import { checkModule } from './check.ts'
import { compileTools } from './compile-tools.ts'
import type { ModulesPlan } from './plan.ts'

type Deps = RunDeps<{ source: Stored<SourceArtifact>; headers: Stored<HeadersArtifact> }>

/** In load order, each with its folder below src/mod. */
const modules = [['jool_common', 'common'], ['jool', 'nat64'], ['jool_siit', 'siit']] as const

export async function run(plan: ModulesPlan, deps: Deps): Promise<ModulesArtifact> {
  if (plan.support.kind === 'verified-beyond-claim') deps.log.note(plan.support.note)
  const root = await deps.shared('build-root', plan.buildRoot, async (dir) => {
    deps.log.step(`making the build root (Debian ${plan.buildRoot.suite}, ${String(plan.buildRoot.packages.length)} packages)`)
    await makeBuildRoot(plan.buildRoot, dir, deps)
  })
  const built = await compileModules(root, plan, deps)
  const checked = await checkAndKeep(built, plan, deps)
  if (!plan.compileTools) return checked
  const tools = await compileTools(root, deps)
  return { ...checked, tools }
}

/**
 * One kbuild pass for all three modules: one modpost sees them together, so no Module.symvers is handed from
 * folder to folder and every processor is busy. Debug information is not produced only to be stripped.
 */
async function compileModules(root: string, plan: ModulesPlan, deps: Deps): Promise<string> {
  const { source, headers } = deps.before
  const work = join(deps.workDir, 'jool')
  await cp(join(source.dir, source.srcDir, 'src'), join(work, 'src'), { recursive: true, verbatimSymlinks: true })
  await writeFile(join(work, 'src/mod/Kbuild'), `obj-m += ${modules.map(([, folder]) => `${folder}/`).join(' ')}\n`)
  deps.log.step(`compiling Jool ${plan.joolVersion} for ${plan.release}`)
  await runInRoot(deps.exec, [
    'make', `-j${String(deps.jobs)}`, '-C', headers.buildTree, 'M=/build/jool/src/mod',
    'CONFIG_DEBUG_INFO=', 'CONFIG_DEBUG_INFO_BTF=', 'CONFIG_DEBUG_INFO_BTF_MODULES=', 'modules',
  ], {
    root, doing: 'compile Jool\'s modules', errorCode: 'E_COMPILE',
    hint: 'the compiler\'s words are above and in logs/modules.log; --debug-shell opens a shell where it failed',
    binds: [{ from: join(headers.dir, headers.usrSrc), to: '/usr/src' }, { from: work, to: '/build/jool', writable: true }],
    env: { SOURCE_DATE_EPOCH: String(plan.buildRoot.sourceDateEpoch), KBUILD_BUILD_TIMESTAMP: `@${String(plan.buildRoot.sourceDateEpoch)}` },
  })
  deps.log.step('stripping the modules')
  await runInRoot(deps.exec, ['strip', '--strip-debug', '--enable-deterministic-archives', ...modules.map(([name, folder]) => `/build/jool/src/mod/${folder}/${name}.ko`)], {
    root, doing: 'strip the modules', binds: [{ from: work, to: '/build/jool', writable: true }],
  })
  return join(work, 'src/mod')
}

async function checkAndKeep(built: string, plan: ModulesPlan, deps: Deps): Promise<ModulesArtifact> {
  const { headers } = deps.before
  deps.log.step('checking the modules against the kernel')
  const exports = new Map([
    ...parseSymvers(await readFile(join(headers.dir, headers.symversFile), 'utf8')),
    ...parseSymvers(await readFile(join(built, 'Module.symvers'), 'utf8')),
  ])
  await mkdir(join(deps.outDir, 'modules'))
  const kept: ModulesArtifact['modules'] = []
  let crcsChecked = 0
  for (const [name, folder] of modules) {
    const path = join(built, folder, `${name}.ko`)
    const bytes = await readFile(path).catch((cause: unknown) => {
      throw new ForgeError('E_COMPILE', `make ended well, but made no ${name}.ko`, { hint: 'read logs/modules.log', cause })
    })
    const result = checkModule({
      name, module: parseKernelModule(bytes, `${name}.ko`), vermagic: headers.vermagic, joolVersion: plan.joolVersion, modversions: headers.modversions, exports,
    })
    const file = `modules/${name}.ko`
    await copyFile(path, join(deps.outDir, file))
    kept.push({ name, file, sha256: await sha256File(path), sizeBytes: (await stat(path)).size, depends: result.depends })
    crcsChecked += result.crcsChecked
  }
  deps.log.note(`3 modules for ${headers.vermagic.trim()}; ${String(crcsChecked)} symbol CRCs equal to the kernel's`)
  return { joolVersion: plan.joolVersion, release: plan.release, vermagic: headers.vermagic, modules: kept, crcsChecked }
}
