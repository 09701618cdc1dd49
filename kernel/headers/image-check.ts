import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { collectImageCrcs, commandLinesOf, kernelsIn, openRouterImage, signingPolicyOf } from '../../images/inspect/artifact.ts'
import type { KernelRelease } from '../../scripts/domain/kernel-release.ts'
import { parseKernelConfig, type KernelConfig } from '../../scripts/formats/kconfig.ts'
import { parseSymvers } from '../../scripts/formats/symvers.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { RunDeps } from '../../scripts/pipeline/stage.ts'
import type { Provided } from './provider.ts'

export interface ImageCheck {
  /** An ISO, a squashfs or a folder. */
  image: string
  /** What to call it. */
  shown: string
  /** The build tree that is said to be of its kernel. */
  tree: string
  release: KernelRelease
}

/** CRC of a symbol, and where in the image it was seen. */
export type SeenCrc = readonly [crc: number, where: string]

/**
 * Is this build tree of the same kernel build as the image's kernel? A release is not an identity: the configurations and every
 * CRC that the image knows are compared. What the image knows is kept for the check of Jool's modules; what its boot menus tell
 * the kernel decides whether they must be signed, too.
 * @throws ForgeError E_HEADERS_RELEASE, E_HEADERS_ABI
 */
export async function checkAgainstImage({ image: path, shown, tree, release }: ImageCheck, { exec, log, outDir, workDir }: RunDeps<unknown>): Promise<Required<Pick<Provided, 'imageCrcs' | 'signing'>>> {
  log.step(`comparing the build tree with ${shown}`)
  await using image = await openRouterImage(path, { exec, workDir })
  const kernels = await kernelsIn(image)
  const kernel = kernels.find((one) => one.release === release)
  if (!kernel) {
    throw new ForgeError('E_HEADERS_RELEASE', `the headers are for ${release}, ${shown} has ${kernels.map((one) => one.release).join(' and ') || 'no kernel'}`, { hint: 'give the headers of exactly the image\'s kernel' })
  }
  const config = parseKernelConfig(await readFile(join(tree, '.config'), 'utf8'))
  if (kernel.configText !== undefined) compareConfigs(config, parseKernelConfig(kernel.configText), shown)
  const symvers = parseSymvers(await readFile(join(tree, 'Module.symvers'), 'utf8'))
  const seen: Record<string, SeenCrc> = {}
  for (const [symbol, crcs] of await collectImageCrcs(image, kernel)) {
    // What the kernel itself exports is true of it; of what modules import, one that agrees will do: others may be strays.
    const exported = crcs.find(({ how }) => how === 'exports')
    const built = symvers.get(symbol)
    const agreeing = crcs.find(({ crc }) => crc === built?.crc)
    const best = exported ?? agreeing ?? crcs[0]
    if (!best) continue
    if (built ? built.crc !== best.crc : exported !== undefined) throw differs(symbol, built, best, shown)
    seen[symbol] = [best.crc, best.source]
  }
  await writeFile(join(outDir, imageCrcs), JSON.stringify(seen))
  const symbols = Object.keys(seen).length
  if (symbols > 0) log.note(`the build tree is of the same kernel as ${shown}: ${String(symbols)} symbol CRCs are equal`)
  // Equal configurations make an equal kernel likely, nothing more; an equal release alone says next to nothing.
  else log.warn(`that the build tree is of the same kernel as ${shown} is not proved: there are no symbol CRCs in it to compare, only ${kernel.configText === undefined ? 'the release' : 'release and configuration'}`)
  return { imageCrcs: { file: imageCrcs, image: shown, symbols }, signing: signingPolicyOf(config, image.iso && kernel.boots ? await commandLinesOf(image.iso) : []) }
}

const imageCrcs = 'image-crcs.json'
/** Options that say how a build was signed and named; the same kernel's two configurations may differ in them. */
const notOfTheAbi = ['BUILD_SALT', 'MODULE_SIG_ALL', 'MODULE_SIG_KEY', 'SYSTEM_TRUSTED_KEYS', 'SYSTEM_REVOCATION_KEYS']

const hint = 'a release is not an identity: give the headers of the very build that made the image\'s kernel'

function differs(symbol: string, built: { crc: number; module: string } | undefined, seen: { crc: number; source: string }, shown: string): ForgeError {
  const headersSay = built ? `${hex(built.crc)} in the headers' Module.symvers (${built.module})` : 'not in the headers\' Module.symvers'
  return new ForgeError('E_HEADERS_ABI', `the headers are of another build than the kernel in ${shown}: ${symbol} is ${headersSay}, and ${hex(seen.crc)} in ${seen.source}`, { hint })
}

function compareConfigs(tree: KernelConfig, image: KernelConfig, shown: string): void {
  const different = [...new Set([...tree.names, ...image.names])].sort().filter((name) => tree.value(name) !== image.value(name) && !notOfTheAbi.includes(name))
  if (different.length === 0) return
  const lines = different.map((name) => `CONFIG_${name}: headers ${tree.value(name) ?? 'not set'}, image ${image.value(name) ?? 'not set'}`)
  throw new ForgeError('E_HEADERS_ABI', `the headers' configuration is not that of the kernel in ${shown}: ${lines[0] ?? ''}${different.length > 1 ? `, and ${String(different.length - 1)} more options` : ''}`, { hint, details: lines.join('\n') })
}

export function hex(crc: number): string {
  return `0x${crc.toString(16).padStart(8, '0')}`
}
