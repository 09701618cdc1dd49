import { join } from 'node:path'
import { expectEqual } from '../../../../scripts/lib/errors.ts'
import { nameOf, placeOf } from '../../../../scripts/lib/given-file.ts'
import type { RunDeps } from '../../../../scripts/pipeline/stage.ts'
import { checkAgainstImage } from '../../image-check.ts'
import type { Provided } from '../../provider.ts'
import { provideHeaders } from '../packages/provide.ts'
import { imageDigest } from './image-digest.ts'
import type { IsoKernelPlan } from './plan.ts'

/** @throws ForgeError E_LOCK_STALE when the image is no longer the one of the lock; E_HEADERS_RELEASE, E_HEADERS_ABI */
export async function provideIso({ iso, headers, release }: IsoKernelPlan, deps: RunDeps<unknown>): Promise<Provided> {
  deps.log.step(`reading ${nameOf(iso)}`)
  const image = 'path' in iso ? iso.path : await placeOf(iso, deps)
  if ('path' in iso) expectEqual(await imageDigest(iso.path), iso.sha256, 'E_LOCK_STALE', `the digest of ${iso.path}`, 'the image changed since the lock was written: resolve anew with --update')
  const provided = await provideHeaders(headers, deps)
  return { ...provided, ...await checkAgainstImage({ image, shown: nameOf(iso), tree: join(deps.outDir, 'src', provided.tree), release }, deps) }
}
