import { readdir } from 'node:fs/promises'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import type { RunDeps } from '../../../../scripts/pipeline/stage.ts'
import type { SourceKernelPlan } from './plan.ts'
import { tree, type Workshop } from './workshop.ts'

export interface RawPackages {
  /** Paths in the build root. */
  image: string
  headers: string
}

const objectsAStep = 250

/** Compiles the kernel and packs it as `make bindeb-pkg` does, unsigned and uncompressed. @throws ForgeError E_COMPILE */
export async function buildKernel(plan: SourceKernelPlan, workshop: Workshop, deps: RunDeps<unknown>): Promise<RawPackages> {
  deps.log.step(`compiling Linux ${plan.release}`)
  let objects = 0
  const onLine = (line: string): void => {
    if (!/^ {2}(CC|AS) /.test(line)) return
    objects += 1
    if (objects % objectsAStep === 0) deps.log.step(`compiling Linux ${plan.release}: ${String(objects)} objects so far`)
  }
  // One job more than processors: much of a job is waiting for small files. -J takes back the -j1 that the kernel's makefile gives dpkg-buildpackage; some versions hand it on to every make below.
  await workshop.run(['make', `-j${String(deps.jobs + 1)}`, '-C', tree, 'KDEB_COMPRESS=none', `DPKG_FLAGS=-d -J${String(deps.jobs + 1)}`, 'bindeb-pkg'], {
    doing: 'compile the kernel', errorCode: 'E_COMPILE', timeoutMs: 4 * 60 * 60_000, onLine,
    hint: 'the compiler\'s words are above and in logs/headers.log; --debug-shell opens a shell where it failed',
  })
  const { stdout } = await workshop.run(['ccache', '--print-stats'], { doing: 'ask ccache how it did' })
  const count = (name: string): number => Number(new RegExp(`^${name}\\t(\\d+)$`, 'm').exec(stdout)?.[1] ?? 0)
  deps.log.note(`${String(objects)} objects compiled; ccache so far: ${String(count('direct_cache_hit') + count('preprocessed_cache_hit'))} hits, ${String(count('cache_miss'))} misses`)

  const names = await readdir(workshop.dir)
  const find = (kind: string): string => {
    const name = `linux-${kind}-${plan.release}_${plan.kernelPackageVersion}_amd64.deb`
    if (!names.includes(name)) throw new ForgeError('E_COMPILE', `make bindeb-pkg ended well, but made no ${name}`, { hint: 'read logs/headers.log' })
    return `/build/kernel/${name}`
  }
  return { image: find('image'), headers: find('headers') }
}
