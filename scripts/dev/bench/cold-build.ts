import { cp, mkdir, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { ReferencePlan } from '../../../images/iso/plan.ts'
import type { HeadersPlan } from '../../../kernel/headers/artifact.ts'
import type { ModulesPlan } from '../../../kernel/modules/artifact.ts'
import type { SourceLocked } from '../../../kernel/source/artifact.ts'
import { hostMirrors } from '../../lib/mirrors.ts'
import { readLock } from '../../pipeline/lock.ts'
import { stages } from '../../pipeline/stages.ts'
import type { Argv } from '../../lib/exec.ts'
import { exec, rounded, runForge, timed, type BenchContext, type Figure, type Measure } from './figure.ts'

/**
 * From an empty store to the image, against the bare tools doing the same work by hand: the same packages from the same
 * mirror, plain `make` folder after folder, mksquashfs and xorriso with the same settings.
 */
export const coldBuild: Measure = async (context) => {
  context.say('cold-build: the build, from an empty store')
  const out = join(context.workDir, 'cold-out')
  const ours = await runForge(['build', '--until', 'iso', '--target', 'debian-12', '--store', join(context.workDir, 'cold-store'), '--out', out], context)
  const parts = await byHand(join(out, 'debian-12/lock.yaml'), context)
  const hand = parts.reduce((sum, part) => sum + part.value, 0)
  return [
    { id: 'cold-build', value: rounded(ours.seconds / hand), unit: 'ratio', against: 'at most 1.3; the bare tools' },
    { id: 'cold-build/ours', value: rounded(ours.seconds, 1), unit: 's', against: 'build --until iso, empty store' },
    { id: 'cold-build/by-hand', value: rounded(hand, 1), unit: 's', against: 'sum of the parts below' },
    ...parts,
    { id: 'node-rss', value: ours.peakMb, unit: 'MB', against: 'at most 300 MB; peak of the Node process over the build' },
  ]
}

async function byHand(lockFile: string, context: BenchContext): Promise<Figure[]> {
  const { stdout } = await exec(['cat', lockFile])
  const lock = readLock(stdout, 'lock.yaml', stages)
  const target = { name: lock.target.target, suite: lock.target.suite, architecture: lock.target.architecture, sourceDateEpoch: lock.sourceDateEpoch }
  const plans: Record<string, unknown> = {}
  for (const stage of stages) plans[stage.name] = stage.plan({ target, spec: lock.target[stage.name], locked: lock.stages[stage.name] }, plans)
  const { buildRoot, release } = plans['modules'] as ModulesPlan
  const { packages: headers } = plans['headers'] as Extract<HeadersPlan, { provider: 'debian' }>
  const iso = plans['iso'] as ReferencePlan
  const source = lock.stages.source as Extract<SourceLocked, { provider: 'debian' }>
  const mirrors = await hostMirrors(exec)

  const dir = join(context.workDir, 'by-hand')
  await mkdir(dir)
  const [root, router, work] = [join(dir, 'build-root'), join(dir, 'router'), join(dir, 'work')]
  await mkdir(work)
  const sources = [`deb ${mirrors.debian} ${target.suite} main`, `deb ${mirrors.debian} ${target.suite}-updates main`, `deb ${mirrors['debian-security']} ${target.suite}-security main`]
  const uri = (file: { archive: 'debian' | 'debian-security'; path: string }): string => `${mirrors[file.archive]}/${file.path}`
  // Snapshots of the archive are served with old dates; both sides read the same one.
  const bare = ['--variant=custom', '--mode=root', '--dpkgopt=force-unsafe-io', '--aptopt=Acquire::Check-Valid-Until "false"']
  const run = (argv: readonly string[], contained = false): Promise<unknown> => exec(argv as unknown as Argv, { contained, timeoutMs: 30 * 60_000, env: { SOURCE_DATE_EPOCH: String(target.sourceDateEpoch) } })

  const figures: Figure[] = []
  const part = async (name: string, work_: () => Promise<unknown>): Promise<void> => {
    context.say(`cold-build by hand: ${name}`)
    figures.push({ id: `cold-build/by-hand/${name}`, value: rounded((await timed(work_)).seconds, 1), unit: 's', against: 'bare tools' })
  }
  await part('build-root', () => run(['mmdebstrap', ...bare, `--include=${[...buildRoot.packages, ...headers].map((pkg) => pkg.name).join(',')}`, target.suite, root, ...sources], true))
  await part('download-sources', async () => {
    for (const pkg of [source.dkms, source.tools]) {
      if (!('archive' in pkg.file.from)) continue
      await run(['/usr/lib/apt/apt-helper', '-o', 'APT::Sandbox::User=root', 'download-file', uri(pkg.file.from), join(work, pkg.file.fileName)])
      await run(['dpkg-deb', '-x', join(work, pkg.file.fileName), join(work, pkg.name)])
    }
  })
  await part('make', async () => {
    await cp(join(work, `jool-dkms/usr/src/jool-${source.joolVersion}`), join(root, 'build/jool'), { recursive: true })
    for (const folder of ['common', 'nat64', 'siit']) {
      await run(['chroot', root, 'make', `-j${String(availableParallelism())}`, '-C', `/usr/src/linux-headers-${release}`, `M=/build/jool/src/mod/${folder}`, 'modules'], true)
      await run(['sh', '-c', 'strip --strip-debug "$0"/*.ko', join(root, 'build/jool/src/mod', folder)])
    }
  })
  await part('router-root', () => run(['mmdebstrap', ...bare, '--setup-hook=copy-in ' + join(dirOfReference(), 'etc') + ' /', `--include=${iso.packages.map((pkg) => pkg.name).join(',')}`, target.suite, router, ...sources], true))
  await part('mksquashfs', async () => {
    await mkdir(join(work, 'iso/live'), { recursive: true })
    await run(['mksquashfs', router, join(work, 'iso/live/filesystem.squashfs'), ...iso.squashfs, '-noappend', '-no-progress', '-quiet'])
  })
  await part('xorriso', async () => {
    await run(['cp', join(router, `boot/vmlinuz-${release}`), join(router, `boot/initrd.img-${release}`), join(work, 'iso/live')])
    await writeFile(join(work, 'iso/sha256sum.txt'), '')
    await run(['xorriso', '-as', 'mkisofs', '-quiet', '-o', join(work, 'router.iso'), '-V', 'BYHAND', '-r', '-J', join(work, 'iso')])
  })
  return figures
}

function dirOfReference(): string {
  return new URL('../../../images/iso/reference/root', import.meta.url).pathname
}
