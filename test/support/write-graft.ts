import { open } from 'node:fs/promises'
import { openByteSource } from '../../scripts/formats/byte-source.ts'
import { graft } from '../../scripts/formats/squashfs/graft.ts'
import type { Exec } from '../../scripts/lib/exec.ts'

/** Writes what a graft is, and returns its size. */
export async function writeGraft({ old, difference, to, workDir, exec }: { old: string; difference: string; to: string; workDir: string; exec: Exec }): Promise<number> {
  await using lower = await openByteSource(old)
  await using upper = await openByteSource(difference)
  const { parts, sizeBytes } = await graft(lower, upper, { exec, workDir })
  await using file = await open(to, 'w')
  for (const part of parts) await file.writeFile(await part.read(0, part.sizeBytes))
  return sizeBytes
}
