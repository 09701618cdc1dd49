import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Injection } from '../../../images/inject/artifact.ts'
import { bootedKernel, openRouterImage } from '../../../images/inspect/artifact.ts'
import { openByteSource } from '../../formats/byte-source.ts'
import { compressorOptions, readSuperblock } from '../../formats/squashfs/superblock.ts'
import { ForgeError } from '../../lib/errors.ts'
import type { Argv } from '../../lib/exec.ts'
import { exec, median, projectDir, rounded, timed, type BenchContext, type Measure } from './figure.ts'
import { measured } from './graft.ts'
import { squashfsOf } from './iso-squashfs.ts'
import { dropFromCache } from './page-cache.ts'
import { peakMemoryOfChildren } from './tree-memory.ts'
import { vyosSizedIso } from './vyos-sized.ts'

const rounds = 3

/** The squashfs step of a graft (packing the difference, grafting, writing) against unpacking the image and packing it again as it was. */
export const graftVersusRepack: Measure = async (context) => {
  const iso = await vyosSizedIso(context)
  const { offset, sizeBytes } = await squashfsOf(iso)
  const work = join(context.workDir, 'graft')
  await mkdir(work, { recursive: true })
  const old = join(work, 'old.squashfs')
  await exec(['dd', `if=${iso}`, `of=${old}`, 'bs=1M', 'iflag=skip_bytes,count_bytes', `skip=${String(offset)}`, `count=${String(sizeBytes)}`, 'conv=fsync', 'status=none'])
  const options = await packingOptions(old)
  const difference = join(work, 'difference')
  await exec(['cp', '--archive', await packageTree(work), difference])
  const grafting: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    context.say(`graft-vs-repack: graft ${String(round + 1)} of ${String(rounds)}`)
    await dropFromCache(old)
    const packed = join(work, 'difference.squashfs')
    const packing = await timed(() => exec(['mksquashfs', difference, packed, ...options] as unknown as Argv))
    grafting.push(packing.seconds + (await measured(['graft', old, packed, join(work, 'grafted.squashfs')], work)).seconds)
  }
  context.say('graft-vs-repack: unsquashfs and mksquashfs')
  await dropFromCache(old)
  const root = join(work, 'root')
  const repacked = join(work, 'repacked.squashfs')
  const repacking = await timed(async () => {
    await exec(['unsquashfs', '-quiet', '-no-progress', '-dest', root, old], { timeoutMs: 60 * 60_000 })
    await exec(['cp', '--archive', '--no-target-directory', difference, root])
    await exec(['mksquashfs', root, repacked, ...options] as unknown as Argv, { timeoutMs: 3 * 60 * 60_000 })
    await exec(['sync', repacked])
  })
  await rm(work, { recursive: true, force: true })
  return [
    { id: 'graft-vs-repack', value: rounded(repacking.seconds / median(grafting)), unit: 'ratio', against: `at least 40; ${String(Math.round(sizeBytes / 1e6))} MB, graft ${median(grafting).toFixed(2)} s (median of ${String(rounds)}), repack ${repacking.seconds.toFixed(1)} s` },
  ]
}

/** The whole of `inject`, less what runs inside the overlay, against copying the ISO and summing it up; both down to the disk, from a cold cache. */
export const injectVersusCopy: Measure = async (context) => {
  const iso = await vyosSizedIso(context)
  const deb = await smallPackage(context)
  const [output, copy] = [join(context.workDir, 'injected.iso'), join(context.workDir, 'copy.iso')]
  const [ratios, overlay, whole]: [number[], number[], number[]] = [[], [], []]
  // In a round of its own: who looks at all processes every few milliseconds takes half a processor.
  context.say('inject-vs-copy: memory')
  const { bytes: peakBytes } = await peakMemoryOfChildren(() => injected(iso, deb, output, context))
  await rm(output, { force: true })
  context.say('inject-vs-copy: memory, with a module and a new initrd')
  const modules = await modulePackage(iso, context)
  const { bytes: modulesPeakBytes } = await peakMemoryOfChildren(() => injected(iso, modules, output, context))
  for (let round = 0; round < rounds; round += 1) {
    context.say(`inject-vs-copy: round ${String(round + 1)} of ${String(rounds)}`)
    await rm(output, { force: true })
    await dropFromCache(iso)
    const result = await injected(iso, deb, output, context)
    await rm(copy, { force: true })
    await dropFromCache(iso)
    const copying = await timed(async () => {
      await exec(['cp', '--reflink=never', iso, copy])
      await exec(['sync', copy])
      await exec(['sha256sum', copy])
    })
    whole.push(result.seconds)
    overlay.push(result.overlaySeconds)
    ratios.push((result.seconds - result.overlaySeconds) / copying.seconds)
  }
  return [
    { id: 'inject-vs-copy', value: rounded(median(ratios)), unit: 'ratio', against: `at most 2.5; cp, fsync and sha256sum of the same ISO; median of ${String(rounds)}` },
    { id: 'inject-vs-copy/whole', value: rounded(median(whole)), unit: 's', against: 'with what runs in the overlay' },
    { id: 'inject-vs-copy/overlay', value: rounded(median(overlay)), unit: 's', against: 'what runs in the overlay: dpkg and its scripts' },
    { id: 'inject-rss', value: Math.round(peakBytes / 1e6), unit: 'MB', against: 'at most 400 MB, children included' },
    { id: 'inject-rss/modules', value: Math.round(modulesPeakBytes / 1e6), unit: 'MB', against: 'with a module, and what an initrd is made by: depmod and mkinitramfs included' },
  ]
}

/** How long it took, and how much of that what ran in the image, by its own word. */
async function injected(iso: string, deb: string, output: string, context: BenchContext): Promise<{ seconds: number; overlaySeconds: number }> {
  const began = performance.now()
  const { stdout } = await exec([join(projectDir, 'scripts/nat64-forge.mjs'), 'inject', iso, deb, '--output', output, '--store', context.storeDir, '--json'], {
    timeoutMs: 60 * 60_000, cwd: context.workDir, doing: 'run nat64-forge inject',
  })
  await exec(['sync', output])
  const { overlaySeconds } = JSON.parse(stdout) as Pick<Injection, 'overlaySeconds'>
  return { seconds: (performance.now() - began) / 1000, overlaySeconds }
}

async function packingOptions(image: string): Promise<string[]> {
  await using source = await openByteSource(image)
  const superblock = await readSuperblock(source)
  const options = (await compressorOptions(source, superblock)).split(' ').filter((word) => word !== '')
  return ['-comp', superblock.compressor, ...options, '-b', String(superblock.blockSizeBytes), '-noappend', '-no-progress', '-quiet']
}

/** What a package brings: programs of this host, a few megabytes. */
async function packageTree(dir: string): Promise<string> {
  const tree = join(dir, 'tree')
  const place = join(tree, 'opt/bench')
  await mkdir(place, { recursive: true })
  const programs = (await readdir('/usr/bin')).filter((name) => /^(xz|zstd|find|sort|tar|sed|mksquashfs|openssl)$/.test(name)).map((name) => `/usr/bin/${name}`)
  await exec(['cp', '--dereference', ...programs, place])
  return tree
}

async function smallPackage({ workDir }: BenchContext): Promise<string> {
  return await packed('nat64-forge-bench', await packageTree(workDir), workDir)
}

/** One that has lists of modules and the initrd made anew: a module of the image under another name, and an option for one. */
async function modulePackage(iso: string, { workDir }: BenchContext): Promise<string> {
  const tree = join(workDir, 'modules')
  await using image = await openRouterImage(iso, { exec, workDir })
  const root = await image.root()
  const folder = `usr/lib/modules/${(await bootedKernel(image)).release}`
  const [first = ''] = (await root.readFile(`${folder}/modules.dep`))?.toString('utf8').split(':') ?? []
  const module = await root.readFile(`${folder}/${first}`)
  if (!module) throw new ForgeError('E_BUG', 'the ISO has no module that its list of modules names first')
  await mkdir(join(tree, folder, 'updates'), { recursive: true })
  await writeFile(join(tree, folder, 'updates', `bench-${basename(first)}`), module)
  await mkdir(join(tree, 'etc/modprobe.d'), { recursive: true })
  await writeFile(join(tree, 'etc/modprobe.d/nat64-forge-bench.conf'), 'options loop max_loop=8\n')
  return await packed('nat64-forge-bench-modules', tree, workDir)
}

async function packed(name: string, tree: string, workDir: string): Promise<string> {
  await mkdir(join(tree, 'DEBIAN'))
  await writeFile(join(tree, 'DEBIAN/control'), `Package: ${name}\nVersion: 1\nArchitecture: all\nMaintainer: nat64-forge <nobody@example.org>\nDescription: what a benchmark installs\n`)
  await chmod(tree, 0o755)
  const deb = join(workDir, `${name}_1_all.deb`)
  await exec(['dpkg-deb', '--root-owner-group', '--build', tree, deb])
  return deb
}
