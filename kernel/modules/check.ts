import { ForgeError, expectEqual } from '../../scripts/lib/errors.ts'
import { modinfoField, type KernelModule } from '../../scripts/formats/kernel-module.ts'
import { moduleNameOf, type ExportedSymbol } from '../../scripts/formats/symvers.ts'
import type { JoolVersion } from '../../scripts/domain/jool-version.ts'

export interface CheckInput {
  /** Module name as `modprobe` knows it. */
  name: string
  module: KernelModule
  vermagic: string
  joolVersion: JoolVersion
  /** Whether the kernel checks CRCs at all. */
  modversions: boolean
  /** The kernel's exports and those of the modules built with it. */
  exports: ReadonlyMap<string, ExportedSymbol>
  /** What the router's own image says, where it is known. */
  image?: ImageSymbols | undefined
}

/** CRCs of the symbols that an image's kernel and modules export or import. */
export interface ImageSymbols {
  /** The image, for messages. */
  name: string
  /** Symbol → CRC, and where in the image it was seen. */
  crcs: ReadonlyMap<string, readonly [crc: number, where: string]>
}

export interface CheckResult {
  /** Modules that must be loaded first, as the module itself says. */
  depends: string[]
  /** Compared with the kernel's Module.symvers. */
  crcsChecked: number
  /** Compared with the router's own image too. */
  imageCrcsChecked: number
}

/**
 * Will the kernel accept this module? The same questions that its loader asks, answered from the files.
 * @throws ForgeError E_MODULE, E_VERMAGIC, E_SYMBOL_MISSING, E_SYMBOL_CRC
 */
export function checkModule({ name, module, vermagic, joolVersion, modversions, exports, image }: CheckInput): CheckResult {
  const file = `${name}.ko`
  expectEqual(modinfoField(module, 'name') ?? '', name, 'E_MODULE', `the name inside ${file}`)
  expectEqual(modinfoField(module, 'vermagic') ?? '', vermagic, 'E_VERMAGIC', `the vermagic of ${file}`, 'use the headers of exactly the router\'s kernel')
  // Jool appends a fourth number, 0 for releases.
  expectEqual((modinfoField(module, 'version') ?? '').replace(/\.\d+$/, ''), joolVersion, 'E_MODULE', `the version of ${file}`)
  const licence = modinfoField(module, 'license') ?? ''
  if (!/^(GPL( v2)?|GPL and additional rights|Dual (BSD|MIT|MPL)\/GPL)$/.test(licence)) {
    throw new ForgeError('E_MODULE', `${file} has the licence "${licence}"; the kernel gives GPL-only symbols to GPL modules only`)
  }
  const crcsChecked = checkImports(file, module, modversions, exports)
  const imageCrcsChecked = image && modversions ? checkImage(file, module, exports, image) : 0
  const depends = (modinfoField(module, 'depends') ?? '').split(',').filter((item) => item !== '').map((item) => item.replace(/-/g, '_')).sort()
  const needed = neededModules(module, exports, name)
  expectEqual(depends.join(','), needed.join(','), 'E_MODULE', `the list of modules that ${file} depends on`)
  return { depends, crcsChecked, imageCrcsChecked }
}

function checkImports(file: string, module: KernelModule, modversions: boolean, exports: ReadonlyMap<string, ExportedSymbol>): number {
  const missing = module.imports.filter((symbol) => !exports.has(symbol))
  if (missing.length > 0) {
    throw new ForgeError('E_SYMBOL_MISSING', `${file} needs ${missing.length === 1 ? 'a symbol' : `${String(missing.length)} symbols`} that this kernel does not export: ${missing.slice(0, 8).join(', ')}`, {
      hint: 'enable the kernel option that exports it (nf_defrag_ipv4 and nf_defrag_ipv6 come with netfilter), or use another version of Jool',
      details: missing.join('\n'),
    })
  }
  if (!modversions) return 0
  for (const symbol of module.imports) {
    const built = module.versions.get(symbol)
    const kernel = exports.get(symbol)
    if (built === undefined) throw new ForgeError('E_SYMBOL_CRC', `${file} carries no CRC for ${symbol}, and this kernel asks for one`, { hint: 'build against headers with CONFIG_MODVERSIONS, of exactly the router\'s kernel' })
    if (kernel && built !== kernel.crc) {
      throw new ForgeError('E_SYMBOL_CRC', `${file} was built for ${symbol} with CRC ${hex(built)}, Module.symvers (${kernel.module}) has ${hex(kernel.crc)}`, {
        hint: 'use the Module.symvers of exactly the router\'s kernel',
      })
    }
  }
  return module.imports.length
}

/** A release is not an identity: what the image's kernel and modules say must agree, too. `module_layout` is among it. */
function checkImage(file: string, module: KernelModule, exports: ReadonlyMap<string, ExportedSymbol>, { name, crcs }: ImageSymbols): number {
  let checked = 0
  for (const [symbol, built] of module.versions) {
    const seen = crcs.get(symbol)
    if (!seen) continue
    const [crc, where] = seen
    if (crc !== built) {
      throw new ForgeError('E_SYMBOL_CRC', `${file} was built for ${symbol} with CRC ${hex(built)}, as Module.symvers has it (${exports.get(symbol)?.module ?? 'of the modules built with it'}); ${where} in ${name} has ${hex(crc)}`, {
        hint: 'the headers are of another build of this release than the image: use those of the build that made the image',
      })
    }
    checked += 1
  }
  return checked
}

function neededModules(module: KernelModule, exports: ReadonlyMap<string, ExportedSymbol>, self: string): string[] {
  const names = new Set<string>()
  for (const symbol of module.imports) {
    const exported = exports.get(symbol)
    const owner = exported && moduleNameOf(exported)
    if (owner !== undefined && owner !== self) names.add(owner)
  }
  return [...names].sort()
}

function hex(crc: number): string {
  return `0x${crc.toString(16).padStart(8, '0')}`
}
