import { copyFile, link, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import type { RunDeps } from '../../../../scripts/pipeline/stage.ts'
import { readLocked } from './inputs.ts'
import type { SourceKernelPlan } from './plan.ts'
import type { Workshop } from './workshop.ts'

/** Puts beside the kernel's packages what the GPL asks of whoever passes them on: the sources, the patches, the configuration, and how they became a kernel. */
export async function keepSources(plan: SourceKernelPlan, workshop: Workshop, deps: RunDeps<unknown>): Promise<void> {
  const dir = join(deps.outDir, 'packages')
  const { sources, release, kernelPackageVersion } = plan
  const file = sources.from === 'debian' ? sources.package.file : sources.tarball
  const [path] = await deps.fetch([file])
  if (path === undefined) throw new ForgeError('E_BUG', 'no local copy of the kernel\'s sources')
  await link(path, join(dir, file.fileName)).catch(() => copyFile(path, join(dir, file.fileName)))
  const patches: string[] = []
  for (const [index, patch] of plan.patches.entries()) {
    const name = `${String(index + 1).padStart(2, '0')}-${basename(patch.path)}`
    await writeFile(join(dir, name), await readLocked(patch))
    patches.push(`${name}\n    sha256 ${patch.sha256}, applied with -p${String(patch.strip)}\n`)
  }
  await copyFile(join(workshop.dir, 'linux/.config'), join(dir, `config-${release}`))
  await writeFile(join(dir, 'SOURCES.txt'), [
    `Sources of the packages linux-image-${release} and linux-headers-${release}, version ${kernelPackageVersion}`, '',
    'They contain the Linux kernel, which is free software under the GNU General Public License,',
    'version 2. Whoever passes them on passes on what is in this folder too.', '',
    file.fileName, `    sha256 ${file.sha256}`, sources.from === 'debian' ? `    Debian's package with the sources as they were compiled: ${sources.package.name} ${sources.package.version}.` : '    The sources as they were compiled.', '',
    ...patches.length === 0 ? ['No patches were applied.', ''] : ['Patches, in the order they were applied:', ...patches],
    `config-${release}`, '    The configuration. It was built by `make bindeb-pkg`; the modules were stripped and then signed.', '',
  ].join('\n'))
}
