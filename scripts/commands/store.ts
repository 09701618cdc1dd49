import { ForgeError } from '../lib/errors.ts'
import { collectGarbage, isStore, storeUsage } from '../pipeline/store.ts'

export async function storeShow({ store, json = false }: { store: string; json?: boolean }): Promise<void> {
  if (!await isStore(store)) throw new ForgeError('E_STORE', `there is no store at ${store}`, { hint: 'a first build makes it; give another one with --store DIR' })
  const { entries, totalBytes } = await storeUsage(store)
  const kinds = new Map<string, { entries: number; sizeBytes: number }>()
  for (const { path, sizeBytes } of entries) {
    const [top, kind] = path.slice(store.length + 1).split('/')
    const name = top === 'blobs' ? 'downloads' : top === 'kept' ? 'kept' : kind ?? ''
    const row = kinds.get(name) ?? { entries: 0, sizeBytes: 0 }
    kinds.set(name, { entries: row.entries + 1, sizeBytes: row.sizeBytes + sizeBytes })
  }
  if (json) {
    process.stdout.write(`${JSON.stringify({ store, totalBytes, kinds: Object.fromEntries(kinds) }, null, 2)}\n`)
    return
  }
  process.stdout.write(`${store}\n`)
  for (const [name, row] of kinds) process.stdout.write(`  ${name.padEnd(12)} ${String(row.entries).padStart(5)}  ${mib(row.sizeBytes).padStart(9)}\n`)
  process.stdout.write(`  ${'all'.padEnd(12)} ${String(entries.length).padStart(5)}  ${mib(totalBytes).padStart(9)}\n`)
}

export async function storeCollect({ store, maxSize }: { store: string; maxSize: string }): Promise<void> {
  const { removed, freedBytes, totalBytes } = await collectGarbage(store, parseSize(maxSize))
  process.stdout.write(`removed ${String(removed)} entries, ${mib(freedBytes)}; ${mib(totalBytes)} left\n`)
}

/** Bytes of `500M`, `2G`, `1.5GiB`; powers of 1024. @throws ForgeError E_USAGE */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim())
  if (!match?.[1]) throw new ForgeError('E_USAGE', `"${text}" is not a size`, { hint: 'write for example 500M or 2G' })
  return Math.floor(Number(match[1]) * 1024 ** ['', 'K', 'M', 'G', 'T'].indexOf((match[2] ?? '').toUpperCase()))
}

function mib(bytes: number): string {
  return `${(bytes / 1048576).toFixed(1)} MiB`
}
