import { fileURLToPath } from 'node:url'
import { sha256File } from '../../scripts/lib/digest.ts'
import type { LockedDeb } from './given-deb.ts'
import { imageDigest } from './providers/iso/image-digest.ts'
import { inputsChanged } from './providers/source/inputs.ts'
import { buildFiles, digestOf } from './providers/tree/build-files.ts'
import type { HeadersLocked } from './spec.ts'

/** True when a file or tree on this machine is no longer what the lock found. One that is gone shows when it is needed. */
export async function isStale(locked: HeadersLocked): Promise<boolean> {
  switch (locked.provider) {
    case 'debian': return false
    case 'packages': return anyChanged([...locked.headers, ...(locked.image === undefined ? [] : [locked.image])])
    case 'iso': return ('path' in locked.iso && await imageDigest(locked.iso.path) !== locked.iso.sha256) || anyChanged(locked.headers)
    case 'tree': return await digestOf(await buildFiles(locked.path)) !== locked.treeSha256
    case 'source': return inputsChanged(locked)
    default: return locked satisfies never
  }
}

async function anyChanged(debs: readonly LockedDeb[]): Promise<boolean> {
  for (const { file } of debs) {
    if (!('url' in file.from) || !file.from.url.startsWith('file:')) continue
    const now = await sha256File(fileURLToPath(file.from.url)).catch(() => undefined)
    if (now !== undefined && now !== file.sha256) return true
  }
  return false
}
