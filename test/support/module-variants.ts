import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { ModuleVerdict } from '../../images/inspect/artifact.ts'
import { readModuleSignature } from '../../scripts/formats/module-signature.ts'

/** What becomes of a module in a kernel that forces signatures: it is loaded, or refused because of its signature. */
export type Fate = 'loads' | 'unsigned' | 'unknown key' | 'changed' | `otherwise: ${string}`

/** Of each variant: its fate, by inspection of the signature alone. The last one is the module as it was built. */
export const variants: Readonly<Record<string, Fate>> = {
  '1-unsigned': 'unsigned', '2-other-key': 'unknown key', '3-changed-content': 'changed', '4-changed-signature': 'changed', '5-signature-of-another': 'changed', '6-as-built': 'loads',
}

/**
 * Writes every variant of signed modules into `dir`; `byStranger` are the same, signed by a key that the kernel does not know.
 * The names sort in the order of the modules, which is that of loading, and in that of `variants`. Resolves to file → fate.
 */
export async function writeVariants(modules: readonly string[], byStranger: readonly string[], dir: string): Promise<Map<string, Fate>> {
  const fates = new Map<string, Fate>()
  const read = await Promise.all(modules.map(async (path) => {
    const bytes = await readFile(path)
    return { bytes, content: readModuleSignature(bytes, path)?.content ?? bytes }
  }))
  for (const [index, { bytes, content: unsigned }] of read.entries()) {
    const another = read[(index + 1) % read.length]
    if (!another || unsigned === bytes || another.content.equals(unsigned)) throw new Error('two signed modules are the least')
    const files: Record<string, Buffer> = {
      '1-unsigned': unsigned,
      '2-other-key': await readFile(byStranger[index] ?? ''),
      // In the middle of the file lies something that decides nothing but the digest.
      '3-changed-content': withChange(bytes, unsigned.length >> 1),
      // The PKCS#7 message ends with the RSA signature; behind it stand 12 bytes and 28 of text.
      '4-changed-signature': withChange(bytes, bytes.length - 28 - 12 - 1),
      '5-signature-of-another': Buffer.concat([unsigned, another.bytes.subarray(another.content.length)]),
      '6-as-built': bytes,
    }
    for (const [variant, fate] of Object.entries(variants)) {
      const file = `${String(index + 1)}-${basename(modules[index] ?? '', '.ko')}-${variant}.ko`
      await writeFile(join(dir, file), files[variant] ?? Buffer.alloc(0))
      fates.set(file, fate)
    }
  }
  return fates
}

function withChange(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes)
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
  return changed
}

/** What `inspect` foretells, in the same words. */
export function predicted({ loads, problems }: Pick<ModuleVerdict, 'loads' | 'problems'>): Fate {
  if (loads) return 'loads'
  const said = problems.map(({ message }) => message).join('; ')
  if (problems.length !== 1 || problems[0]?.check !== 'signature') return `otherwise: ${said}`
  if (said.startsWith('it is not signed, and the kernel trusts ')) return 'unsigned'
  if (said.startsWith('it is signed by "')) return 'unknown key'
  return said.endsWith('the module was changed after signing') ? 'changed' : `otherwise: ${said}`
}

/** For a POSIX shell in the guest: tries to load every file of a folder, in order, and prints a line for each. */
export const tryModules = `cd "$1" || exit 1
for file in *.ko; do
  dmesg -c > /dev/null
  if said=$(insmod "./$file" 2>&1); then said=loads; fi
  echo "@@$file|$said|$(dmesg -c | grep -o 'Loading of .* is rejected' | tail -n 1)@@"
done
`

/** The same on a router, where Jool may be loaded already, with the script and the files on its disk. */
export const tryOnRouter = 'systemctl stop jool jool_siit; modprobe -r jool jool_siit; modprobe -a nf_defrag_ipv4 nf_defrag_ipv6 x_tables; mount -o ro /dev/vda /mnt && sh /mnt/try-modules.sh /mnt'

/** What the kernel did with each file, from the lines of `tryModules`. */
export function loaded(output: string): Map<string, Fate> {
  return new Map([...output.matchAll(/^@@(.+)\|(.*)\|(.*)@@\r?$/gm)].map(([, file = '', said = '', log = '']) => [file, fateOf(said, log)]))
}

// All are refused with the same error, EKEYREJECTED; which ones the kernel could not check at all, its log says.
function fateOf(said: string, log: string): Fate {
  if (said === 'loads') return 'loads'
  if (!said.endsWith(': Key was rejected by service')) return `otherwise: ${said} (${log})`
  if (log === 'Loading of unsigned module is rejected') return 'unsigned'
  if (log === 'Loading of module with unavailable key is rejected') return 'unknown key'
  return log === '' ? 'changed' : `otherwise: ${said} (${log})`
}
