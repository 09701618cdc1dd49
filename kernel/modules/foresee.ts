import { patchesFor, readLockedPatch } from '../compile/patches.ts'
import { expectNoSignatureNeeded } from '../signing/acceptance.ts'
import type { Log } from '../../scripts/lib/log.ts'
import type { ModulesPlan } from './plan.ts'

/**
 * A lock holds the patches of the day it was written. Ones that came later are left out, and that is said. `dir`: where patches lie.
 * @throws ForgeError E_UNSIGNED, or E_LOCK_STALE when a patch is another by now: kernels take minutes, and modules come after them
 */
export async function foresee({ joolVersion, release, patches = [], checkout, unsigned }: Pick<ModulesPlan, 'joolVersion' | 'release' | 'patches' | 'checkout' | 'unsigned'>, log: Log, dir?: string): Promise<void> {
  if (unsigned) expectNoSignatureNeeded('forced', release)
  for (const patch of patches) await readLockedPatch(patch, dir)
  const locked = new Set(patches.map(({ name }) => name))
  const later = (await patchesFor({ version: joolVersion, released: checkout !== true }, release, dir)).filter(({ name }) => !locked.has(name))
  if (later.length > 0) log.warn(`the lock is older than ${later.map(({ name }) => `kernel/patches/${name}`).join(' and ')}: Jool's modules are built without; with --update they are built anew, with it`)
}
