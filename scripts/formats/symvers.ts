/** One exported symbol of a `Module.symvers`. */
export interface ExportedSymbol {
  crc: number
  /** `vmlinux`, or the path of the exporting module without `.ko`: `net/ipv4/netfilter/nf_defrag_ipv4`. */
  module: string
  gplOnly: boolean
}

/** Reads a `Module.symvers`: CRC, symbol, module, kind of export, optionally a namespace; tab-separated. */
export function parseSymvers(text: string): Map<string, ExportedSymbol> {
  const symbols = new Map<string, ExportedSymbol>()
  for (const line of text.split('\n')) {
    const [crc, name, module, kind] = line.split('\t')
    if (crc === undefined || name === undefined || module === undefined) continue
    symbols.set(name, { crc: Number(crc), module, gplOnly: kind?.includes('GPL') ?? false })
  }
  return symbols
}

/** The name that `modprobe` knows the exporting module by, or undefined for the kernel image. */
export function moduleNameOf(symbol: ExportedSymbol): string | undefined {
  if (symbol.module === 'vmlinux') return undefined
  return (symbol.module.split('/').at(-1) ?? symbol.module).replace(/-/g, '_')
}
