import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { HeadersArtifact } from '../../../kernel/headers/artifact.ts'
import type { ModulesPlan } from '../../../kernel/modules/artifact.ts'
import type { SourceArtifact } from '../../../kernel/source/artifact.ts'
import { makeBuildRoot, runInRoot, type BuildRootRecipe } from '../../lib/build-root.ts'
import { ForgeError } from '../../lib/errors.ts'
import { runStages, type StageResult } from '../../pipeline/run.ts'
import { stages } from '../../pipeline/stages.ts'
import { exec, median, rounded, timed, type Measure } from './figure.ts'
import { openPrepared } from './forge-session.ts'

const rounds = 3

/** The modules stage from prepared inputs, against `dkms build` of Debian's jool-dkms for the same kernel in the same root. */
export const modulesVersusDkms: Measure = async (context) => {
  const { session, prepared } = await openPrepared(context)
  await using _session = session
  context.say('modules-vs-dkms: preparing')
  const wanted = stages.slice(0, 3)
  const prepare = await runStages(prepared, { until: 'modules' }, wanted, session)
  const { joolVersion, release, buildRoot } = prepared.plans['modules'] as ModulesPlan
  const source = stored<SourceArtifact>(prepare, 'source')
  const headers = stored<HeadersArtifact>(prepare, 'headers')

  const root = join(context.workDir, 'dkms-root')
  const index = await session.archive.open(buildRoot.suite, buildRoot.architecture)
  const recipe: BuildRootRecipe = { ...buildRoot, packages: await index.closure([...buildRoot.packages.map((pkg) => `${pkg.name}=${pkg.version}`), 'dkms']) }
  await mkdir(join(context.workDir, 'dkms'), { recursive: true })
  await makeBuildRoot(recipe, root, { exec, workDir: join(context.workDir, 'dkms'), fetch: session.fetch })
  await exec(['mkdir', '-p', join(root, 'lib/modules', release), join(root, 'var/lib/dkms')])

  const trees = await readdir(join(headers.dir, headers.usrSrc))
  const dkms = async (): Promise<void> => {
    const state = join(context.workDir, 'dkms-state')
    await exec(['rm', '-rf', state])
    await mkdir(state)
    await runInRoot(exec, ['dkms', 'build', '-m', 'jool', '-v', joolVersion, '-k', release, '--kernelsourcedir', headers.buildTree], {
      root, doing: 'run dkms build', errorCode: 'E_COMPILE', cwd: '/usr/src',
      // Beside the kernel's tree must stand Jool's, so /usr/src is put together from parts.
      binds: [...trees.map((name) => ({ from: join(headers.dir, headers.usrSrc, name), to: `/usr/src/${name}` })), { from: join(source.dir, source.srcDir), to: `/usr/src/jool-${joolVersion}` }, { from: state, to: '/var/lib/dkms', writable: true }],
    })
    const { stdout } = await exec(['find', state, '-name', 'jool*.ko*'])
    if (stdout.trim().split('\n').length < 3) throw new ForgeError('E_COMPILE', 'dkms built no modules, so its time means nothing')
  }

  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    context.say(`modules-vs-dkms: round ${String(round + 1)} of ${String(rounds)}`)
    ours.push((await timed(() => runStages(prepared, { until: 'modules', always: ['modules'] }, wanted, session))).seconds)
    theirs.push((await timed(dkms)).seconds)
  }
  const ratios = ours.map((seconds, round) => seconds / (theirs[round] ?? NaN))
  return [
    { id: 'modules-vs-dkms', value: rounded(median(ratios)), unit: 'ratio', against: `at most 0.6; median of ${String(rounds)} pairs` },
    { id: 'modules-vs-dkms/ours', value: rounded(median(ours), 1), unit: 's', against: 'the modules stage' },
    { id: 'modules-vs-dkms/dkms', value: rounded(median(theirs), 1), unit: 's', against: 'dkms build' },
  ]
}

function stored<T>(results: readonly StageResult[], name: string): T & { dir: string } {
  const result = results.find((candidate) => candidate.name === name)
  if (!result) throw new ForgeError('E_BUG', `${name} did not run`)
  return { ...(result.artifact as T), dir: result.dir }
}
