import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { headersLimits } from '../../../../scripts/lib/extract.ts'
import { extractDeb } from '../../../../scripts/lib/extract-deb.ts'
import type { RunDeps } from '../../../../scripts/pipeline/stage.ts'
import type { Provided } from '../../provider.ts'
import { gatherKbuild } from '../gather-kbuild.ts'
import type { DebianPlan } from './plan.ts'

export async function provideDebian(plan: DebianPlan, deps: RunDeps<unknown>): Promise<Provided> {
  const src = join(deps.outDir, 'src')
  const unpacked = join(deps.workDir, 'headers')
  const paths = await deps.fetch(plan.packages.map((pkg) => pkg.file))
  for (const [index, path] of paths.entries()) {
    deps.log.step(`unpacking ${plan.packages[index]?.file.fileName ?? ''}`)
    await extractDeb(path, unpacked, deps, { limits: headersLimits, only: ['usr/src', 'usr/lib'] })
  }
  await rename(join(unpacked, 'usr/src'), src)
  await gatherKbuild(join(unpacked, 'usr/lib'), src)
  return { tree: `linux-headers-${plan.release}` }
}
