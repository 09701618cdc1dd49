import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sha256Of } from '../../../../scripts/lib/digest.ts'
import { expectEqual, ForgeError, isErrno } from '../../../../scripts/lib/errors.ts'
import type { SourceKernelLocked } from './spec.ts'

export type LockedPatch = SourceKernelLocked['patches'][number]
export type LockedFragment = SourceKernelLocked['fragments'][number]
type LockedFile = Extract<LockedFragment, { path: string }>

const shippedDir = fileURLToPath(new URL('../../../config', import.meta.url))

/** A configuration fragment: by name one of nat64-forge's own, otherwise a file. @throws ForgeError E_TARGET */
export async function lockFragment(given: string, targetDir: string): Promise<LockedFragment> {
  if (!/^[a-z0-9-]+$/.test(given)) return lockFile(resolve(targetDir, given), 'the configuration')
  try {
    return { shipped: given, sha256: sha256Of(await readFile(shippedFile(given))) }
  } catch (cause) {
    throw new ForgeError('E_TARGET', `headers.config.fragments: nat64-forge brings no fragment "${given}"`, { hint: 'write router or debian-secure-boot, or the path of a file, for example ./my.config', cause })
  }
}

/** @throws ForgeError E_TARGET */
export async function lockFile(path: string, what: string): Promise<LockedFile> {
  return { path, sha256: sha256Of(await readNamed(path, what)) }
}

/** Patches in their order; a file named `series` stands for those it lists. @throws ForgeError E_TARGET */
export async function lockPatches(given: readonly string[], targetDir: string): Promise<LockedPatch[]> {
  const patches: LockedPatch[] = []
  for (const entry of given) {
    const path = resolve(targetDir, entry)
    if (!/(^|\/)series$/.test(path)) {
      patches.push({ ...await lockFile(path, 'the patch'), strip: 1 })
      continue
    }
    for (const { name, strip } of parseSeries((await readNamed(path, 'the series')).toString('utf8'), path)) {
      patches.push({ ...await lockFile(resolve(dirname(path), name), `the patch that ${path} lists`), strip })
    }
  }
  return patches
}

/** quilt's list: one name a line, optionally `-pN`, comments after `#`. @throws ForgeError E_TARGET */
export function parseSeries(text: string, file: string): { name: string; strip: number }[] {
  return text.split('\n').flatMap((line, index) => {
    const [name, option, ...rest] = line.replace(/(^|\s)#.*$/, '').trim().split(/\s+/)
    if (name === undefined || name === '') return []
    const strip = option === undefined ? '1' : /^-p(\d)$/.exec(option)?.[1]
    if (strip === undefined || rest.length > 0) throw new ForgeError('E_TARGET', `${file}:${String(index + 1)}: "${line.trim()}" is not a patch's name with an optional -pN`)
    return [{ name, strip: Number(strip) }]
  })
}

/** The bytes that were locked. @throws ForgeError E_LOCK_STALE */
export async function readLocked(file: LockedFragment | LockedPatch): Promise<Buffer> {
  const path = 'shipped' in file ? shippedFile(file.shipped) : file.path
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new ForgeError('E_LOCK_STALE', `${path}, which the lock names, cannot be read`, { hint: 'put the file back, or resolve anew with --update', cause })
  })
  expectEqual(sha256Of(bytes), file.sha256, 'E_LOCK_STALE', `the digest of ${path}`, 'the file changed since the lock was written: resolve anew with --update')
  return bytes
}

/** True when a patch or a configuration is no longer what the lock says. */
export async function inputsChanged({ patches, base, fragments }: SourceKernelLocked): Promise<boolean> {
  for (const file of [...patches, ...fragments, ...(typeof base === 'string' ? [] : [base])]) {
    try {
      await readLocked(file)
    } catch (error) {
      if (error instanceof ForgeError && error.code === 'E_LOCK_STALE') return true
      throw error
    }
  }
  return false
}

function shippedFile(name: string): string {
  return `${shippedDir}/${name}.config`
}

async function readNamed(path: string, what: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw new ForgeError('E_TARGET', `${what} ${path} ${isErrno(cause, 'ENOENT') ? 'does not exist' : 'cannot be read'}`, { hint: 'correct the path in the target; it is relative to the target file', cause })
  })
}
