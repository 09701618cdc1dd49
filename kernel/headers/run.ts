import { mkdir, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join, posix, relative } from 'node:path'
import { sha256Of } from '../../scripts/lib/digest.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { headersLimits } from '../../scripts/lib/extract.ts'
import { extractDeb } from '../../scripts/lib/extract-deb.ts'
import { parseKernelConfig } from '../../scripts/formats/kconfig.ts'
import type { RunDeps } from '../../scripts/pipeline/stage.ts'
import type { HeadersArtifact } from './artifact.ts'
import { signingPolicyOf, vermagicOf } from './kernel-config.ts'
import type { HeadersPlan } from './plan.ts'

export async function run(plan: HeadersPlan, deps: RunDeps<unknown>): Promise<HeadersArtifact> {
  const src = join(deps.outDir, 'src')
  const unpacked = join(deps.workDir, 'headers')
  const paths = await deps.fetch(plan.packages.map((pkg) => pkg.file))
  for (const [index, path] of paths.entries()) {
    deps.log.step(`unpacking ${plan.packages[index]?.file.fileName ?? ''}`)
    await extractDeb(path, unpacked, deps, { limits: headersLimits, only: ['usr/src', 'usr/lib'] })
  }
  await rename(join(unpacked, 'usr/src'), src)
  await gatherKbuild(join(unpacked, 'usr/lib'), src)

  const tree = `linux-headers-${plan.release}`
  const config = await readTreeFile(src, tree, '.config')
  const symvers = await readTreeFile(src, tree, 'Module.symvers')
  const release = /UTS_RELEASE "([^"]+)"/.exec(await readTreeFile(src, tree, 'include/generated/utsrelease.h'))?.[1] ?? ''
  if (release !== plan.release) throw new ForgeError('E_KERNEL', `the build tree says it is for ${release}, wanted ${plan.release}`, { hint: 'use headers from the same build as the kernel' })
  const options = parseKernelConfig(config)
  return {
    provider: plan.provider, release: plan.release, architecture: 'amd64',
    vermagic: vermagicOf(plan.release, options),
    compiler: options.value('CC_VERSION_TEXT') ?? '',
    modversions: options.isSet('MODVERSIONS'),
    signing: signingPolicyOf(options),
    configSha256: sha256Of(config), symversSha256: sha256Of(symvers),
    usrSrc: 'src', buildTree: `/usr/src/${tree}`,
    configFile: `src/${tree}/.config`, symversFile: `src/${tree}/Module.symvers`,
  }
}

async function readTreeFile(src: string, tree: string, name: string): Promise<string> {
  try {
    return await readFile(join(src, tree, name), 'utf8')
  } catch (error) {
    throw new ForgeError('E_KERNEL', `the kernel's build tree has no ${name}`, { hint: 'use the complete linux-headers packages of one kernel build', cause: error })
  }
}

/**
 * Debian keeps the tree's scripts in /usr/lib/linux-kbuild-*, reached by links. Beside the tree in /usr/src they
 * need no mount point in the read-only build root.
 */
async function gatherKbuild(usrLib: string, src: string): Promise<void> {
  const names = (await readdir(usrLib).catch(() => [])).filter((name) => name.startsWith('linux-kbuild-'))
  for (const name of names) {
    await rm(join(src, name), { force: true })
    await mkdir(src, { recursive: true })
    await rename(join(usrLib, name), join(src, name))
  }
  for (const tree of await readdir(src)) {
    for (const entry of await readdir(join(src, tree), { withFileTypes: true })) {
      if (!entry.isSymbolicLink()) continue
      const path = join(src, tree, entry.name)
      const kbuild = /(linux-kbuild-[^/]+)(\/.*)?$/.exec(await readlink(path))
      if (!kbuild?.[1] || !names.includes(kbuild[1])) continue
      await rm(path)
      await symlink(posix.join(relative(dirname(path), src), basename(kbuild[1]), kbuild[2] ?? ''), path)
    }
  }
}
