import type { KernelRelease } from '../../scripts/domain/kernel-release.ts'
import { parseElf } from '../../scripts/formats/elf.ts'
import { parseKernelConfig, type KernelConfig } from '../../scripts/formats/kconfig.ts'
import { modinfoField, parseKernelModule } from '../../scripts/formats/kernel-module.ts'
import { moduleExports } from '../../scripts/formats/module-exports.ts'
import { readModuleSignature } from '../../scripts/formats/module-signature.ts'
import type { KernelExport } from '../../scripts/formats/vmlinux.ts'
import { flagsOf } from '../../scripts/formats/squashfs/superblock.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { judgeEngines } from './engines.ts'
import { readGivenModules } from './given-modules.ts'
import { collectImageCrcs, type ImageCrcs } from './image-crcs.ts'
import type { ImageRoot } from './image.ts'
import { isoFacts } from './iso-facts.ts'
import { forcedBy, isoKernel, kernelsIn, rootKernel, signingPolicyOf, type ImageKernel } from './kernel.ts'
import { readKernelFile, type KernelImage } from './kernel-image.ts'
import { manifestPath, parseManifest } from './manifest.ts'
import { moduleFiles, readModules, type ModuleFile } from './module-files.ts'
import { hashOption, judgeModule, type GivenModule, type LoadContext, type SymbolSource } from './module-verdict.ts'
import type { InspectReport, KernelFacts, SquashfsFacts } from './report.ts'
import type { RouterImage } from './router-image.ts'
import { findJool, systemOf } from './system.ts'

export interface InspectOptions {
  /** Files to judge: modules, or packages with modules. */
  modules?: readonly string[]
  /** Why no version of Jool is known to work with a kernel; undefined when one is. */
  unsupported?: (release: KernelRelease) => string | undefined
}

/**
 * Everything that decides whether an image can translate, and whether given modules would load there.
 * @throws ForgeError E_KERNEL_IMAGE, E_SQUASHFS, E_ISO_DAMAGED and the like for images that cannot be read
 */
export async function inspect(image: RouterImage, { modules = [], unsupported = () => undefined }: InspectOptions = {}): Promise<InspectReport> {
  const given = await readGivenModules(modules, image.deps)
  const iso = image.iso ? await isoFacts(image, image.iso) : null
  // The kernel first: unpacking it takes the most memory, while the root's tables are not yet there.
  const live = await isoKernel(image)
  const liveImage = live && await readKernelFile(image, live)
  const root = await image.root()
  const kernels = await kernelsIn(image)
  const booted = kernels.find(({ boots }) => boots)
  const bootFile = live === undefined && booted?.imageFile !== undefined ? await rootKernel(image, booted.imageFile) : undefined
  const kernelImage = liveImage ?? (bootFile && await readKernelFile(image, bootFile))
  const config = booted?.config ?? (kernelImage?.configText === undefined ? undefined : parseKernelConfig(kernelImage.configText))
  const commandLines = iso?.commandLines ?? []
  const signing = config && signingPolicyOf(config, commandLines)

  const system = await systemOf(image)
  const jool = await findJool(root, system.packages ?? [])
  const facts: KernelFacts[] = []
  const filesOf = new Map<ImageKernel, ModuleFile[]>()
  for (const kernel of kernels) {
    const files = await moduleFiles(root, kernel.modulesDir)
    filesOf.set(kernel, files)
    facts.push(await kernelFacts(image, kernel, files, kernel === booted ? { config, signing, commandLines, kernelImage } : { config: kernel.config, signing: kernel.config && signingPolicyOf(kernel.config), commandLines: [], kernelImage: undefined }))
  }
  const context = booted && await loadContext(image, booted, filesOf.get(booted) ?? [], { given, config, signing, kernelImage, vermagic: facts.find(({ boots }) => boots)?.vermagic ?? undefined })
  const shipped = context?.shipped.map((module) => judgeModule(module, context.forShipped)) ?? []

  return {
    image: { path: image.path, kind: image.kind, sizeBytes: image.sizeBytes ?? null },
    iso,
    squashfs: await squashfsFacts(image),
    system: {
      id: system.id ?? null, name: system.name ?? null, suite: system.suite ?? null, vyosVersion: system.vyosVersion ?? null,
      architecture: system.architecture ?? null, packages: system.packages?.length ?? null,
    },
    injected: await injectedInto(root),
    kernels: facts,
    jool: jool.package || shipped.length > 0 || jool.tools.length > 0 ? { package: jool.package ? { name: jool.package.name, version: jool.package.version } : null, modules: shipped, tools: [...jool.tools, ...jool.plugins] } : null,
    engines: judgeEngines({
      release: booted?.release, architecture: system.architecture, config, signing, trusted: (kernelImage?.certificates ?? []).map((certificate) => certificate.facts.subject),
      shippedModules: shipped, tools: jool.tools, toolsVersion: jool.toolsVersion, plugins: jool.plugins, tayga: (await root.stat('usr/sbin/tayga'))?.kind === 'file',
      unsupported: booted && unsupported(booted.release),
    }),
    modules: given.map((module) => judgeModule(module, context?.forGiven(module) ?? noKernel)),
  }
}

/** A manifest that is none counts as not there: an image says what it likes. */
async function injectedInto(root: ImageRoot): Promise<InspectReport['injected']> {
  const bytes = await root.readFile(manifestPath, { maxBytes: 4 * 1048576 })
  return (bytes && parseManifest(bytes)) ?? null
}

/** A module for an image without a kernel has nothing to be compared with. */
const noKernel: LoadContext = { release: '', vermagic: undefined, modversions: false, signing: undefined, knowsHash: undefined, certificates: undefined, exports: new Map(), complete: false, namespacesOptional: true, structBytes: undefined, lockdownUnderSecureBoot: false }

interface BootedFacts { config: KernelConfig | undefined; signing: LoadContext['signing']; kernelImage: KernelImage | undefined }

/** Options that decide; the first ones about modules, then what Jool, its modes and TAYGA need. */
const shownOptions = [
  'MODULES', 'MODVERSIONS', 'MODULE_SIG', 'MODULE_SIG_FORCE', 'MODULE_SIG_HASH', 'SECURITY_LOCKDOWN_LSM', 'LOCK_DOWN_KERNEL_FORCE_INTEGRITY', 'LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY',
  'LOCK_DOWN_IN_EFI_SECURE_BOOT', 'TRIM_UNUSED_KSYMS', 'MODULE_COMPRESS', 'MODULE_COMPRESS_GZIP', 'MODULE_COMPRESS_XZ', 'MODULE_COMPRESS_ZSTD', 'NETFILTER', 'NETFILTER_XTABLES', 'NF_CONNTRACK', 'NF_DEFRAG_IPV4', 'NF_DEFRAG_IPV6',
  'NFT_COMPAT', 'IP_NF_MANGLE', 'IP6_NF_MANGLE', 'IPV6', 'NET_NS', 'VETH', 'TUN', 'CC_VERSION_TEXT',
] as const

async function kernelFacts(image: RouterImage, kernel: ImageKernel, files: readonly ModuleFile[], { config, signing, commandLines, kernelImage }: BootedFacts & { commandLines: readonly string[] }): Promise<KernelFacts> {
  const samples = samplesOf(files)
  const root = await image.root()
  // One damaged module of the image is no reason to say nothing of the rest.
  const bytes = await readModules(root, samples, image.deps).catch(async (error: unknown) => {
    if (!(error instanceof ForgeError) || error.code !== 'E_ELF') throw error
    const each = await Promise.all(samples.map((file) => readModules(root, [file], image.deps).catch(() => [])))
    return each.map(([module]) => module ?? Buffer.alloc(0))
  })
  const signatures = bytes.map((module, index) => readable(() => readModuleSignature(module, samples[index]?.path ?? ''), undefined))
  const certificates = kernelImage?.certificates
  const compressions = new Set(files.map((file) => file.compression))
  const [first] = bytes
  return {
    release: kernel.release, boots: kernel.boots,
    imageFile: kernelImage?.file ?? kernel.imageFile ?? null, imageCompression: kernelImage?.compression ?? null, architecture: kernelImage?.architecture ?? null,
    configFile: kernel.configFile ?? null, config: config ? Object.fromEntries(shownOptions.map((name) => [name, config.value(name) ?? 'n'])) : null,
    vermagic: kernelImage?.vermagic ?? (first && vermagicOf({ bytes: first, file: samples[0]?.path ?? '' })) ?? null,
    signing: signing ?? null, signingForcedBy: (signing === 'forced' ? config && forcedBy(config, commandLines) : undefined) ?? null, signatureHash: config?.value('MODULE_SIG_HASH') ?? null,
    certificates: certificates?.map(({ facts }) => facts) ?? null, exports: kernelImage?.exports.size ?? null,
    modules: {
      count: files.length,
      compression: compressions.size > 1 ? 'mixed' : files[0]?.compression ?? 'none',
      signer: signatures.find((signature) => signature !== undefined)?.signer ?? null,
      signatureValid: certificates === undefined || signatures.every((signature) => signature === undefined) ? null : signatures.every((signature) => signature !== undefined && certificates.some((certificate) => signature.verify(certificate))),
    },
  }
}

/** A few that every kernel has, spread over the tree; Jool's are looked at on their own. */
function samplesOf(files: readonly ModuleFile[]): ModuleFile[] {
  const others = files.filter(({ path }) => path.includes('/kernel/') && !isJool(path))
  return [...new Set([others[0], others.find(({ name }) => name === 'nf_defrag_ipv4'), others.at(-1)])].filter((file) => file !== undefined)
}

function isJool(path: string): boolean {
  return /\/jool(_common|_siit)?\.ko(\.\w+)?$/.test(path)
}

interface Judging {
  /** Jool's modules in the image. */
  shipped: GivenModule[]
  forShipped: LoadContext
  forGiven: (module: GivenModule) => LoadContext
}

async function loadContext(image: RouterImage, kernel: ImageKernel, files: readonly ModuleFile[], { given, config, signing, kernelImage, vermagic }: BootedFacts & { given: readonly GivenModule[]; vermagic: string | undefined }): Promise<Judging> {
  const read = async (wanted: readonly ModuleFile[]): Promise<GivenModule[]> => {
    const bytes = await readModules(await image.root(), wanted, image.deps)
    return wanted.map(({ path }, index) => ({ file: path, bytes: bytes[index] ?? Buffer.alloc(0) }))
  }
  const shipped = await read(files.filter(({ path }) => isJool(path)))
  const depends = new Set([...shipped, ...given].flatMap(dependenciesOf))
  const dependencies = await read(files.filter(({ name, path }) => depends.has(name) && !isJool(path)))
  const others = exportsOf(dependencies)
  const kernelExports = kernelImage ? { get: (symbol: string) => withSource(kernelImage.exports.get(symbol), kernelImage.file) } : importedBy(given.length > 0 ? await collectImageCrcs(image, kernel) : new Map())
  const byShipped = exportsOf(shipped)
  const builtAs = new Map(given.map((module) => [module, vermagicOf(module)]))
  const byGiven = new Map([...new Set(builtAs.values())].map((built) => [built, exportsOf(given.filter((module) => builtAs.get(module) === built))]))

  const common: Omit<LoadContext, 'exports'> = {
    release: kernel.release, vermagic, modversions: config?.isSet('MODVERSIONS') ?? vermagic?.includes('modversions') ?? false, signing, certificates: kernelImage?.certificates,
    // A digest that is a module itself counts as there: the kernel asks modprobe for it.
    knowsHash: config && ((hash) => config.isSet(`CRYPTO_${hashOption(hash)}`)),
    complete: kernelImage !== undefined, namespacesOptional: config?.isSet('MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS') ?? false, structBytes: dependencies[0] && structBytesOf(dependencies[0]), lockdownUnderSecureBoot: config?.isSet('LOCK_DOWN_IN_EFI_SECURE_BOOT') ?? false,
  }
  return {
    shipped,
    forShipped: { ...common, exports: firstOf(byShipped, others, kernelExports) },
    // What is given takes the place of the image's own, but modules for different kernels do not mix.
    forGiven: (module) => ({ ...common, exports: firstOf(byGiven.get(builtAs.get(module)) ?? new Map<string, SymbolSource>(), byShipped, others, kernelExports) }),
  }
}

type Exports = LoadContext['exports']

function structBytesOf({ bytes, file }: GivenModule): number | undefined {
  return readable(() => parseElf(bytes, file).section('.gnu.linkonce.this_module')?.data.length, undefined)
}

function vermagicOf({ bytes, file }: GivenModule): string | undefined {
  return readable(() => modinfoField(parseKernelModule(bytes, file), 'vermagic'), undefined)
}

function firstOf(...places: readonly Exports[]): Exports {
  return {
    get: (symbol) => {
      for (const place of places) {
        const found = place.get(symbol)
        if (found) return found
      }
      return undefined
    },
  }
}

function withSource(found: KernelExport | undefined, source: string): SymbolSource | undefined {
  return found && { ...found, source }
}

function importedBy(crcs: ImageCrcs): Exports {
  return { get: (symbol) => {
    const [first] = crcs.get(symbol) ?? []
    return first && { crc: first.crc, gplOnly: false, source: first.source }
  } }
}

/** What modules export, by symbol. A damaged module is said to be that by its verdict. */
function exportsOf(modules: readonly GivenModule[]): Exports {
  const exports = new Map<string, SymbolSource>()
  for (const { bytes, file } of modules) for (const [symbol, found] of readable(() => moduleExports(bytes, file), new Map<string, KernelExport>())) exports.set(symbol, { ...found, source: file })
  return exports
}

function dependenciesOf({ bytes, file }: GivenModule): string[] {
  return readable(() => (modinfoField(parseKernelModule(bytes, file), 'depends') ?? '').split(',').map((name) => name.replace(/-/g, '_')), [])
}

function readable<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ForgeError) return otherwise
    throw error
  }
}

async function squashfsFacts(image: RouterImage): Promise<SquashfsFacts | null> {
  const squashfs = await image.squashfs()
  if (!squashfs) return null
  const { superblock, compressorOptions } = squashfs
  return {
    compressor: superblock.compressor, compressorOptions, blockSizeBytes: superblock.blockSizeBytes, sizeBytes: superblock.bytesUsed, inodes: superblock.inodes,
    fragments: superblock.fragments, flags: flagsOf(superblock), createdAt: superblock.createdAt,
  }
}
