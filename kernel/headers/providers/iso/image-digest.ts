import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sha256 } from '../../../../scripts/domain/digest.ts'
import { sha256File, sha256Of } from '../../../../scripts/lib/digest.ts'
import { ForgeError } from '../../../../scripts/lib/errors.ts'

/** What an image is: the digest of an ISO or squashfs; of an unpacked root those of its kernels. @throws ForgeError E_IMAGE */
export async function imageDigest(path: string): Promise<Sha256> {
  try {
    if (!(await stat(path)).isDirectory()) return await sha256File(path)
    const boot = join(path, 'boot')
    const kernels = (await readdir(boot)).filter((name) => /^(vmlinuz|config)-/.test(name)).sort()
    return sha256Of((await Promise.all(kernels.map(async (name) => `${await sha256File(join(boot, name))}  ${name}`))).join('\n'))
  } catch (cause) {
    throw new ForgeError('E_IMAGE', `the image ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { hint: 'correct headers.iso in the target; it is relative to the target file', cause })
  }
}
