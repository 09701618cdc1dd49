import { ForgeError } from '../../scripts/lib/errors.ts'
import type { KernelRelease } from '../../scripts/domain/kernel-release.ts'
import { readBzImage } from '../../scripts/formats/bzimage.ts'
import { bytesAsSource, type ByteSource } from '../../scripts/formats/byte-source.ts'
import { parseKernelConfig, type KernelConfig } from '../../scripts/formats/kconfig.ts'
import { startedKernelsOf } from './command-lines.ts'
import type { ImageRoot } from './image.ts'
import type { RouterImage } from './router-image.ts'

/** Who may sign the modules that a kernel loads; the same words as in a headers artifact. */
export type SigningPolicy = 'off' | 'any' | 'forced'

/** A kernel of an image, as far as its root file system tells. */
export interface ImageKernel {
  release: KernelRelease
  /** Boots live; the newest one of an image that is not an ISO. */
  boots: boolean
  /** The whole `.config`; undefined when the image does not have it beside the kernel. */
  configText: string | undefined
  config: KernelConfig | undefined
  /** Paths in the root. */
  configFile: string | undefined
  imageFile: string | undefined
  modulesDir: string
}

/** Where a kernel image lies: on the ISO or in the root. */
export interface KernelFile { path: string; source: ByteSource }

const maxKernelFileBytes = 128 * 1048576
const names = /^vmlinuz(-.*)?$/

/** The kernel that the ISO's boot loaders start; undefined for other images, and when the ISO keeps it elsewhere. @throws ForgeError E_ISO_DAMAGED */
export async function isoKernel({ iso }: RouterImage): Promise<KernelFile | undefined> {
  if (!iso) return undefined
  const folder = iso.squashfsEntry.path.split('/').slice(0, -1)
  // A link has no bytes of its own, and what it leads to is here under its own name.
  const candidates = iso.entries.filter(({ path, directory, sizeBytes }) => !directory && sizeBytes > 0 && isKernelIn(folder, path.split('/')))
  const started = candidates.length > 1 ? await startedKernelsOf(iso) : []
  const entry = started.map((path) => candidates.find((candidate) => candidate.path === path)).find((found) => found !== undefined)
    ?? candidates.find(({ path }) => path.endsWith('/vmlinuz')) ?? candidates[0]
  return entry && { path: entry.path, source: iso.open(entry) }
}

function isKernelIn(folder: readonly string[], path: readonly string[]): boolean {
  return path.slice(0, -1).join('/') === folder.join('/') && names.test(path.at(-1) ?? '')
}

/** A kernel image in the root, in memory. */
export async function rootKernel(image: RouterImage, path: string): Promise<KernelFile | undefined> {
  const bytes = await (await image.root()).readFile(path, { maxBytes: maxKernelFileBytes })
  return bytes && { path, source: bytesAsSource(bytes, `${image.path}:${path}`) }
}

/** The image's kernels, oldest first: all that have an image in `boot/` or a folder in `lib/modules/`. @throws ForgeError E_KERNEL_IMAGE */
export async function kernelsIn(image: RouterImage): Promise<ImageKernel[]> {
  const root = await image.root()
  const live = await isoKernel(image)
  const liveRelease = live && (await readBzImage(live.source)).release
  const images = await imagesIn(root)
  const folders = ((await root.list('lib/modules')) ?? []).filter((entry) => entry.kind === 'directory').map((entry) => entry.name)
  const releases = [...new Set([...images, ...folders, ...(liveRelease === undefined ? [] : [liveRelease])])].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  const kernels: ImageKernel[] = []
  for (const release of releases) {
    const configFile = `boot/config-${release}`
    const configText = (await root.readFile(configFile, { maxBytes: 4 * 1048576 }))?.toString('utf8')
    kernels.push({
      // A name in an image, not checked: it is compared and shown.
      release: release as KernelRelease, boots: release === (liveRelease ?? releases.at(-1)), configText,
      config: configText === undefined ? undefined : parseKernelConfig(configText), configFile: configText === undefined ? undefined : configFile,
      imageFile: images.includes(release) ? `boot/vmlinuz-${release}` : undefined, modulesDir: `lib/modules/${release}`,
    })
  }
  return kernels
}

/** Releases that have an image in `boot/`; a link that leads nowhere is none. */
async function imagesIn(root: ImageRoot): Promise<string[]> {
  const images: string[] = []
  for (const { name } of (await root.list('boot')) ?? []) if (name.startsWith('vmlinuz-') && (await root.stat(`boot/${name}`))?.kind === 'file') images.push(name.slice('vmlinuz-'.length))
  return images
}

/** The kernel that boots. @throws ForgeError E_IMAGE_KERNEL */
export async function bootedKernel(image: RouterImage): Promise<ImageKernel> {
  const kernel = (await kernelsIn(image)).find(({ boots }) => boots)
  if (!kernel) throw new ForgeError('E_IMAGE_KERNEL', `${image.path} has no kernel: neither boot/vmlinuz-* nor lib/modules/*`, { hint: 'give a router\'s image; that of a container has no kernel' })
  return kernel
}

/** What a kernel asks of modules, started with any of these command lines. */
export function signingPolicyOf(config: KernelConfig, commandLines: readonly string[] = []): SigningPolicy {
  if (!config.isSet('MODULE_SIG')) return 'off'
  return forcedBy(config, commandLines) === undefined ? 'any' : 'forced'
}

/** The option or the word on a command line that has a kernel with MODULE_SIG force signatures; lockdown asks for them too. */
export function forcedBy(config: KernelConfig, commandLines: readonly string[]): string | undefined {
  const option = ['MODULE_SIG_FORCE', 'LOCK_DOWN_KERNEL_FORCE_INTEGRITY', 'LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY'].find((name) => config.isSet(name))
  if (option !== undefined) return `CONFIG_${option}`
  // The kernel takes - and _ in a parameter's name for the same.
  const words = commandLines.flatMap((line) => line.split(/\s+/))
  return words.find((word) => /^module\.sig[-_]enforce(=([1yYtT]|[oO][nN]).*)?$/.test(word) || (config.isSet('SECURITY_LOCKDOWN_LSM') && /^lockdown=(integrity|confidentiality)$/.test(word)))
}
