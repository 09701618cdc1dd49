import { ForgeError } from '../lib/errors.ts'
import { parseElf, textAt } from './elf.ts'

/** What a kernel module says about itself and asks of the kernel. */
export interface KernelModule {
  /** `.modinfo` in file order; keys may repeat. */
  info: readonly (readonly [string, string])[]
  /** Imported symbols with the CRC that the module was built against (`__versions`); empty without MODVERSIONS. */
  versions: ReadonlyMap<string, number>
  /** Every symbol that must come from the kernel or another module; weak ones left out. */
  imports: readonly string[]
}

const versionEntrySize = 64

/** Reads an uncompressed `.ko` file. @throws ForgeError E_ELF */
export function parseKernelModule(bytes: Buffer, fileName: string): KernelModule {
  const elf = parseElf(bytes, fileName)
  const modinfo = elf.section('.modinfo')
  if (!modinfo) throw new ForgeError('E_ELF', `${fileName}: it has no .modinfo, so it is not a kernel module`)
  return {
    info: modinfo.data.toString('utf8').split('\0').filter((item) => item.includes('=')).map((item) => [item.slice(0, item.indexOf('=')), item.slice(item.indexOf('=') + 1)] as const),
    versions: versionsOf(elf.section('__versions')?.data, elf.section('__version_ext_crcs')?.data, elf.section('__version_ext_names')?.data),
    imports: elf.symbols().filter((symbol) => symbol.undefined && !symbol.weak).map((symbol) => symbol.name).sort(),
  }
}

/** The first value of a `.modinfo` key. */
export function modinfoField(module: KernelModule, key: string): string | undefined {
  return module.info.find(([name]) => name === key)?.[1]
}

// Kernels from 6.14 on may keep long names in two parallel sections instead of fixed 64-byte entries.
function versionsOf(entries: Buffer | undefined, crcs: Buffer | undefined, names: Buffer | undefined): Map<string, number> {
  const versions = new Map<string, number>()
  for (let at = 0; entries && at + versionEntrySize <= entries.length; at += versionEntrySize) {
    versions.set(textAt(entries.subarray(at, at + versionEntrySize), 8), entries.readUInt32LE(at))
  }
  if (crcs && names) {
    const list = names.toString('utf8').split('\0')
    for (let index = 0; index * 4 + 4 <= crcs.length; index += 1) {
      const name = list[index]
      if (name !== undefined && name !== '') versions.set(name, crcs.readUInt32LE(index * 4))
    }
  }
  return versions
}
