import { access, open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { signingPolicyOf } from '../../images/inspect/artifact.ts'
import { kernelRelease, type KernelRelease } from '../../scripts/domain/kernel-release.ts'
import { parseKernelConfig, type KernelConfig } from '../../scripts/formats/kconfig.ts'
import { sha256Of } from '../../scripts/lib/digest.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { HeadersArtifact } from './artifact.ts'
import { vermagicOf } from './kernel-config.ts'

type Facts = Pick<HeadersArtifact, 'release' | 'vermagic' | 'compiler' | 'modversions' | 'signing' | 'configSha256' | 'symversSha256'>

/**
 * What a build tree says of its kernel; the same questions for every provider.
 * @throws ForgeError E_KERNEL, E_HEADERS_RELEASE, E_HEADERS_ARCHITECTURE, E_NO_MODULES
 */
export async function readBuildTree(dir: string, wanted: KernelRelease): Promise<Facts> {
  const { release, configText, config } = await usableTree(dir)
  if (release !== wanted) {
    throw new ForgeError('E_HEADERS_RELEASE', `the build tree is for ${release}, wanted ${wanted}`, { hint: 'use headers from the same build as the kernel' })
  }
  return {
    release,
    vermagic: vermagicOf(release, config),
    compiler: config.value('CC_VERSION_TEXT') ?? '',
    modversions: config.isSet('MODVERSIONS'),
    signing: signingPolicyOf(config),
    configSha256: sha256Of(configText), symversSha256: sha256Of(await treeFile(dir, 'Module.symvers')),
  }
}

/** The one build tree among the folders of /usr/src. `shown` says where they came from. @throws as readBuildTree */
export async function findBuildTree(src: string, shown: string): Promise<{ tree: string; release: KernelRelease; config: KernelConfig }> {
  const trees: string[] = []
  for (const name of await readdir(src).catch(() => [])) if (await exists(join(src, name, '.config'))) trees.push(name)
  const [tree] = trees
  if (tree === undefined || trees.length > 1) {
    throw new ForgeError('E_KERNEL', `${shown} should hold one kernel's build tree in /usr/src, it holds ${tree === undefined ? 'none' : trees.sort().join(' and ')}`, { hint: 'give the linux-headers packages of one kernel build' })
  }
  const { release, config } = await usableTree(join(src, tree))
  return { tree, release, config }
}

/** A tree that modules can be built in, here. @throws as readBuildTree */
export async function usableTree(dir: string): Promise<{ release: KernelRelease; configText: string; config: KernelConfig }> {
  const configText = await treeFile(dir, '.config')
  const config = parseKernelConfig(configText)
  if (!config.isSet('X86_64')) {
    throw new ForgeError('E_HEADERS_ARCHITECTURE', 'the build tree is not of an amd64 kernel: its .config does not set CONFIG_X86_64', { hint: 'use the headers of the router\'s own architecture' })
  }
  if (!config.isSet('MODULES')) {
    throw new ForgeError('E_NO_MODULES', 'the kernel was configured without CONFIG_MODULES: it loads no modules at all', { hint: 'build the kernel with CONFIG_MODULES=y; Jool exists only as modules' })
  }
  const release = /UTS_RELEASE "([^"]+)"/.exec(await treeFile(dir, 'include/generated/utsrelease.h'))?.[1] ?? ''
  await requireRunnable(dir)
  return { release: kernelRelease(release), configText, config }
}

const x86 = 62
const machines: Readonly<Record<number, string>> = { 3: 'i386', 8: 'mips', 21: 'ppc64', 22: 's390x', 40: 'arm', 183: 'arm64', 243: 'riscv64', 258: 'loong64' }

/** The tree's own programs run while modules are built: they must be for this machine, whatever the kernel is for. */
async function requireRunnable(dir: string): Promise<void> {
  const program = 'scripts/mod/modpost'
  const head = Buffer.alloc(20)
  try {
    const file = await open(join(dir, program))
    try {
      await file.read(head, 0, head.length, 0)
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw new ForgeError('E_KERNEL', `the kernel's build tree has no ${program}`, { hint: 'use the complete linux-headers packages of one kernel build; a bare tree needs `make modules_prepare`', cause })
  }
  const machine = head.readUInt32BE(0) === 0x7f454c46 ? head.readUInt16LE(18) : 0
  if (machine !== x86) {
    throw new ForgeError('E_HEADERS_ARCHITECTURE', `the build tree's ${program} was built to run on ${machines[machine] ?? 'another machine'}, not on amd64`, { hint: 'use headers that were built on an amd64 machine' })
  }
}

async function treeFile(dir: string, name: string): Promise<string> {
  try {
    return await readFile(join(dir, name), 'utf8')
  } catch (error) {
    throw new ForgeError('E_KERNEL', `the kernel's build tree has no ${name}`, { hint: 'use the complete linux-headers packages of one kernel build', cause: error })
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false)
}
