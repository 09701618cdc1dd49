import { join } from 'node:path'
import { openByteSource } from '../../../../scripts/formats/byte-source.ts'
import type { Certificate } from '../../../../scripts/formats/x509.ts'
import { ForgeError } from '../../../../scripts/lib/errors.ts'

const stepBytes = 4 * 1048576

/**
 * That a built kernel has the certificate of the key that its modules are signed with, looked up in the kernel itself: what a compiler's cache gives may be
 * of another build. `tree` is the folder of the build.
 * @throws ForgeError E_MODULE_SIGNATURE
 */
export async function expectTrusted(tree: string, { x509, facts }: Certificate): Promise<void> {
  await using kernel = await openByteSource(join(tree, 'vmlinux'))
  for (let at = 0; at < kernel.sizeBytes; at += stepBytes) {
    // A step may end inside the certificate.
    if ((await kernel.read(at, Math.min(stepBytes + x509.raw.length, kernel.sizeBytes - at))).includes(x509.raw)) return
  }
  throw new ForgeError('E_MODULE_SIGNATURE', `the kernel was built without the certificate of ${facts.subject}, so it would refuse every module that is signed with that key`, {
    hint: 'it came from another build: remove the folder artifacts/ccache from the store, build again, and report it',
  })
}
