import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { JoolVersion } from '../../scripts/domain/jool-version.ts'
import type { KernelRelease } from '../../scripts/domain/kernel-release.ts'
import { runInRoot } from '../../scripts/lib/build-root.ts'
import type { Argv } from '../../scripts/lib/exec.ts'
import type { RunDeps } from '../../scripts/pipeline/stage.ts'
import { applyPatches, type JoolPatch } from './patches.ts'
import { compileWithPrefixHeader } from './prefix-header.ts'

/** In load order, each with its folder below src/mod. */
export const joolModules = [['jool_common', 'common'], ['jool', 'nat64'], ['jool_siit', 'siit']] as const

/**
 * Which releases of Jool have their targets for iptables by default depends on the release: 4.1.13 only with the first of these macros, all others
 * but with the second. A kernel without x_tables cannot load modules that have them.
 */
const iptablesFlag = '$(if $(CONFIG_NETFILTER_XTABLES),-DNETFILTER_XTABLES,-DXTABLES_DISABLED)'

export interface JoolModulesInput {
  joolVersion: JoolVersion
  release: KernelRelease
  sourceDateEpoch: number
  /** Jool's sources, a folder with src/mod; copied. */
  sources: string
  /** What is to be seen as /usr/src, and the build tree in it. */
  usrSrc: string
  buildTree: string
  /** The compiler's command, where the tree does not name it itself. */
  cc?: string | undefined
  /** Applied to the copy, in order. */
  patches?: readonly JoolPatch[] | undefined
}

/**
 * One kbuild pass for all three modules: one modpost sees them together, so no Module.symvers is handed from
 * folder to folder and every processor is busy. Debug information is not produced only to be stripped.
 * Resolves to Jool's src/mod with the stripped modules and their Module.symvers, in `workDir`.
 * @throws ForgeError E_PATCH, E_COMPILE
 */
export async function compileJoolModules(root: string, input: JoolModulesInput, deps: Pick<RunDeps<unknown>, 'exec' | 'log' | 'workDir' | 'jobs'>): Promise<string> {
  const work = join(deps.workDir, 'jool')
  await cp(join(input.sources, 'src'), join(work, 'src'), { recursive: true, verbatimSymlinks: true })
  await applyPatches(input.patches ?? [], work, { ...deps, root })
  await writeFile(join(work, 'src/mod/Kbuild'), `obj-m += ${joolModules.map(([, folder]) => `${folder}/`).join(' ')}\nsubdir-ccflags-y := ${iptablesFlag}\n`)
  deps.log.step(`compiling Jool ${input.joolVersion} for ${input.release}`)
  const kbuild = (target: string): Argv => [
    'make', `-j${String(deps.jobs)}`, '-C', input.buildTree, 'M=/build/jool/src/mod',
    'CONFIG_DEBUG_INFO=', 'CONFIG_DEBUG_INFO_BTF=', 'CONFIG_DEBUG_INFO_BTF_MODULES=', ...(input.cc === undefined ? [] : [`CC=${input.cc}`]), target,
  ]
  const inRoot = (argv: Argv, tolerated: boolean): Promise<unknown> => runInRoot(deps.exec, argv, {
    root, cwd: input.buildTree, tolerated, doing: 'compile Jool\'s modules', errorCode: 'E_COMPILE',
    hint: 'the compiler\'s words are above and in the stage\'s log; --debug-shell opens a shell where it failed',
    binds: [{ from: input.usrSrc, to: '/usr/src' }, { from: work, to: '/build/jool', writable: true }],
    env: { SOURCE_DATE_EPOCH: String(input.sourceDateEpoch), KBUILD_BUILD_TIMESTAMP: `@${String(input.sourceDateEpoch)}` },
  })
  // What fails with it is compiled again without, so that errors are always those of plain kbuild.
  const done = await compileWithPrefixHeader(work, { inRoot: (argv) => inRoot(argv, true), kbuild, log: deps.log })
  if (!done) await inRoot(kbuild('modules'), false)
  deps.log.step('stripping the modules')
  await runInRoot(deps.exec, ['strip', '--strip-debug', '--enable-deterministic-archives', ...joolModules.map(([name, folder]) => `/build/jool/src/mod/${folder}/${name}.ko`)], {
    root, doing: 'strip the modules', binds: [{ from: work, to: '/build/jool', writable: true }],
  })
  return join(work, 'src/mod')
}
