import { basename } from 'node:path'
import { inspect, openRouterImage, type ImageKernel } from '../inspect/artifact.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'

interface ModuleNotesInput {
  iso: string
  kernels: readonly ImageKernel[]
  /** Releases of kernels that come too. */
  coming: readonly string[]
  /** Copies of what was given, but what was judged before. */
  packages: readonly string[]
  exec: Exec
  workDir: string
}

const shownModules = 3
const moduleLine = / \.\/(?:usr\/)?lib\/modules\/([^/]+)\/.*\.ko(?:\.(?:gz|xz|zst))?$/

/**
 * What a person should know of modules in given packages: for which kernels they are, and what the image's own would refuse. It may be
 * right to inject them all the same, as with a key that only the router's firmware knows.
 */
export async function moduleNotes({ iso, kernels, coming, packages, exec, workDir }: ModuleNotesInput): Promise<string[]> {
  const booted = kernels.find(({ boots }) => boots)?.release
  const [notes, judged]: [string[], string[]] = [[], []]
  for (const path of packages) {
    const { stdout } = await exec(['dpkg-deb', '--contents', path], { doing: `list ${path}`, errorCode: 'E_DEB' })
    const releases = [...new Set(stdout.split('\n').flatMap((line) => moduleLine.exec(line)?.[1] ?? []))].filter((release) => !coming.includes(release))
    if (releases.length === 0) continue
    const name = (await exec(['dpkg-deb', '--field', path, 'Package'], { doing: `read ${path}` })).stdout.trim()
    for (const release of releases) if (!kernels.some((kernel) => kernel.release === release)) notes.push(`${name} brings modules for ${release}, a kernel that the image has not: nothing loads them`)
    if (booted !== undefined && releases.includes(booted)) judged.push(path)
  }
  if (judged.length === 0) return notes
  await using image = await openRouterImage(iso, { exec, workDir })
  try {
    const { modules } = await inspect(image, { modules: judged })
    const refused = modules.filter(({ file, loads }) => !loads && file.includes(`/modules/${String(booted)}/`))
    const shown = refused.slice(0, shownModules).map(({ file, problems }) => `the image's kernel will not load the given ${basename(file)}: ${problems[0]?.message ?? 'it is damaged'}`)
    return [...notes, ...shown, ...(refused.length > shownModules ? [`nor ${String(refused.length - shownModules)} more of the given modules; \`nat64-forge inspect ISO --modules PACKAGE.deb\` says why`] : [])]
  } catch (error) {
    // An image whose kernel cannot be read can be injected into all the same.
    if (!(error instanceof ForgeError) || error.code === 'E_INTERRUPTED' || error.code === 'E_DISK_FULL') throw error
    return [...notes, `whether the image's kernel loads the given modules could not be judged: ${error.message}`]
  }
}
