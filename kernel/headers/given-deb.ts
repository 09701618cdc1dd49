import { stat } from 'node:fs/promises'
import { basename, resolve as resolvePath } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { packageName, packageVersion, remoteFile } from '../../scripts/domain/remote-file.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { extractDeb } from '../../scripts/lib/extract-deb.ts'
import { headersLimits } from '../../scripts/lib/extract.ts'
import { fileByUrl, remoteFileOf } from '../../scripts/lib/given-file.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import type { ResolveDeps } from '../../scripts/pipeline/stage.ts'

// A .deb that a person names, by path or by URL and digest, rather than Debian's archive.

export const givenDeb = z.union([
  z.string().regex(/\.deb$/, 'a .deb file').describe('A path, relative to this file.'),
  fileByUrl('deb', 'package'),
])
export type GivenDeb = z.infer<typeof givenDeb>

/** A package at exactly these bytes, and what its control file says. */
export const lockedDeb = z.strictObject({ name: packageName, version: packageVersion, architecture: z.string().regex(/^[a-z0-9-]+$/, 'a Debian architecture'), file: remoteFile })
export type LockedDeb = z.infer<typeof lockedDeb>

/** Reads a given package's digest and control file. @throws ForgeError E_DEB, E_HEADERS_ARCHITECTURE */
export async function lockDeb(given: GivenDeb, architecture: string, deps: ResolveDeps): Promise<LockedDeb & { path: string }> {
  const { file, path } = typeof given === 'string' ? await localFile(resolvePath(deps.targetDir, given)) : await remote(given, deps)
  const control = await controlOf(path, file.fileName, deps.exec)
  if (control.architecture !== architecture && control.architecture !== 'all') {
    throw new ForgeError('E_HEADERS_ARCHITECTURE', `${file.fileName} is for ${control.architecture}, the target is ${architecture}`, { hint: `use the package that was built for ${architecture}` })
  }
  return { ...control, file, path }
}

const plainName = /^[A-Za-z0-9%+.,:@_~-]+$/

async function localFile(path: string): Promise<{ file: LockedDeb['file']; path: string }> {
  try {
    const { size } = await stat(path)
    if (!plainName.test(basename(path))) throw new ForgeError('E_DEB', `${path} has blanks or signs in its name that no package's has`, { hint: 'give the file the name that its build gave it' })
    return { path, file: { fileName: basename(path), sizeBytes: size, sha256: await sha256File(path), from: { url: pathToFileURL(path).href } } }
  } catch (cause) {
    if (cause instanceof ForgeError) throw cause
    throw new ForgeError('E_DEB', `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { hint: 'correct the path in the target; it is relative to the target file', cause })
  }
}

async function remote(given: Exclude<GivenDeb, string>, deps: ResolveDeps): Promise<{ file: LockedDeb['file']; path: string }> {
  const file = remoteFileOf(given)
  const [path] = await deps.fetch([file])
  if (path === undefined) throw new ForgeError('E_BUG', `no local copy of ${file.fileName}`)
  return { file, path }
}

async function controlOf(path: string, shown: string, exec: Exec): Promise<Omit<LockedDeb, 'file'>> {
  const { stdout } = await exec(['dpkg-deb', '--field', path, 'Package', 'Version', 'Architecture'], { doing: `read ${shown}`, errorCode: 'E_DEB', hint: 'the file is damaged or not a Debian package; get it again' })
  const field = (name: string): string => new RegExp(`^${name}: (.+)$`, 'm').exec(stdout)?.[1] ?? ''
  return { name: field('Package'), version: field('Version'), architecture: field('Architecture') }
}

/** Where a package's files lie that make a build tree, or tell of a kernel. The links `build` and `source` of /lib/modules lead out of it. */
const wanted = /^(usr\/src|usr\/lib\/linux-kbuild-[^/]+)(\/|$)/

/** Unpacks the build tree in a linux-headers package. @throws ForgeError E_DEB, E_ARCHIVE */
export function unpackHeaders(deb: string, dir: string, deps: { exec: Exec; workDir: string }): Promise<void> {
  return extractDeb(deb, dir, deps, { limits: headersLimits, only: (path) => wanted.test(path), errorCode: 'E_DEB' })
}

/** Unpacks a kernel and its configuration from a linux-image package, and its modules. @throws ForgeError E_DEB, E_ARCHIVE */
export function unpackImage(deb: string, dir: string, deps: { exec: Exec; workDir: string }, { modules = true } = {}): Promise<void> {
  const parts = modules ? /^(boot|(usr\/)?lib\/modules)\// : /^boot\//
  return extractDeb(deb, dir, deps, { limits: headersLimits, only: (path) => parts.test(path) && !/\/modules\/[^/]+\/(build|source)$/.test(path), errorCode: 'E_DEB' })
}
