import { copyFile, rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { sha256File } from '../../scripts/lib/digest.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import type { ArtifactsBefore, SourceReference } from './inputs.ts'
import type { DebsPlan } from './plan.ts'

/**
 * What is packed as "the scripts used to control compilation and installation" (GPL-2, section 3): the stages up to this one
 * and all of ours that they call. The command line, the store and the later stages are not: they change no package,
 * and counting them would make every edit of theirs a new package build.
 */
export const packagingSources = [
  'images/inspect', 'kernel/catalogue', 'kernel/compile', 'kernel/config', 'kernel/headers', 'kernel/modules', 'kernel/patches', 'kernel/signing', 'kernel/source', 'packaging/cli-tree', 'packaging/debs', 'packaging/jool-modules', 'packaging/jool-tools', 'packaging/nat64ctl', 'packaging/vyos-nat64',
  'scripts/domain', 'scripts/formats', 'scripts/lib', 'scripts/pipeline/stage.ts', 'package.json', 'package-lock.json', 'tsconfig.json', 'LICENSE',
] as const

/**
 * Writes the sources of everything under the GPL in the packages, and SOURCES.txt that explains them.
 * @returns the names of the written files
 */
export async function writeCorrespondingSource(
  plan: DebsPlan, before: ArtifactsBefore, dirs: { packages: string; work: string; project: string }, exec: Exec,
): Promise<{ files: string[]; text: string }> {
  const top = `${plan.source}-${plan.upstreamVersion}`
  const orig = `${plan.source}_${plan.upstreamVersion}.orig.tar.xz`
  const packaging = `${plan.source}_${plan.version}.packaging.tar.xz`
  await pack({ from: join(before.source.dir, before.source.srcDir), paths: ['.'], top, to: join(dirs.packages, orig) }, plan, dirs.work, exec)
  await pack({ from: dirs.project, paths: packagingSources, top: `${top}-packaging`, to: join(dirs.packages, packaging) }, plan, dirs.work, exec)

  const included: string[] = []
  for (const path of before.source.tools?.sourceFiles ?? []) {
    await copyFile(join(before.source.dir, path), join(dirs.packages, basename(path)))
    included.push(basename(path))
  }
  const files = [orig, packaging, ...included]
  const digests = await Promise.all(files.map(async (name) => ({ name, sha256: await sha256File(join(dirs.packages, name)) })))
  return { files, text: sourcesText(plan, { orig, packaging }, digests, before.source.sourceReferences) }
}

/** In plain words: which source is here, for what, and which is only named. */
export function sourcesText(
  plan: DebsPlan, names: { orig: string; packaging: string },
  digests: readonly { name: string; sha256: string }[], references: readonly SourceReference[],
): string {
  const digestOf = (name: string): string => digests.find((file) => file.name === name)?.sha256 ?? 'missing'
  const here = (name: string, words: string): string => `${name}\n    sha256 ${digestOf(name)}\n    ${words}\n`
  const extra = digests.filter(({ name }) => name !== names.orig && name !== names.packaging)
  const missing = references.filter(({ included }) => !included)

  const parts = [
    `Sources of the packages ${plan.source} ${plan.version}\n`,
    'The packages in this folder contain Jool, which is free software under the GNU General\n'
    + 'Public License, version 2. Whoever passes them on passes on the sources too. The packages\n'
    + 'nat64ctl and vyos-nat64 have nothing of Jool; they are under the same licence, version 2 or\n'
    + 'later.\n',
    '== In this folder ==\n',
    here(names.orig, plan.patches === undefined ? 'Jool as it was compiled: the kernel modules, and the tools where they were compiled here.'
      : `Jool before these patches were applied, in this order; they are in kernel/patches of the next file:\n    ${plan.patches.join(', ')}`),
    here(names.packaging, 'What turned it into these packages: the parts of the program nat64-forge that compile and\n'
    + '    pack (build steps, build root, checks), control files, maintainer scripts, units; and the whole\n'
    + '    source of nat64ctl and vyos-nat64 (packaging/nat64ctl, packaging/vyos-nat64, packaging/cli-tree). Its\n'
    + '    package.json names the version of the program that runs them.'),
    ...extra.map(({ name }) => here(name, 'Source package of programs that are shipped as Debian built them.')),
  ]
  if (missing.length > 0) {
    parts.push(
      '== Not in this folder ==\n',
      'These programs are shipped as Debian built them. Their source package could not be had\n'
      + 'when this was built; Debian publishes it under the name and version below. Add its files\n'
      + 'before you pass the packages on to others.\n',
      ...missing.map(({ sourcePackage, version, files }) => [
        `${sourcePackage} ${version}`,
        ...files.map(({ fileName, sha256, sizeBytes }) => `    ${fileName}\n        sha256 ${sha256}, ${String(sizeBytes)} bytes`),
        '',
      ].join('\n')),
    )
  }
  return parts.join('\n')
}

/** A tarball that depends on names, contents and the owner's execute bit only. */
async function pack(what: { from: string; paths: readonly string[]; top: string; to: string }, plan: DebsPlan, work: string, exec: Exec): Promise<void> {
  const tarball = join(work, basename(what.to, '.xz'))
  await exec([
    'tar', '--create', `--file=${tarball}`, `--directory=${what.from}`, '--format=gnu', '--sort=name', `--mtime=@${String(plan.sourceDateEpoch)}`,
    '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX', '--exclude=__pycache__', `--transform=s,^\\(\\./\\|\\.$\\)\\?,${what.top}/,S`, '--', ...what.paths,
  ], { doing: `pack ${basename(what.to)}` })
  await exec(['xz', '--threads=1', '-6', '--', tarball], { doing: `compress ${basename(what.to)}` })
  await rename(`${tarball}.xz`, what.to)
}
