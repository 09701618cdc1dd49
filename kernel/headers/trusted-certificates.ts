import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readKernelImage, type ImageKernel, type RouterImage } from '../../images/inspect/artifact.ts'
import type { KernelRelease } from '../../scripts/domain/kernel-release.ts'
import { openByteSource } from '../../scripts/formats/byte-source.ts'
import { readBzImage, unpackKernel } from '../../scripts/formats/bzimage.ts'
import type { KernelConfig } from '../../scripts/formats/kconfig.ts'
import { kernelTexts, openVmlinux } from '../../scripts/formats/vmlinux.ts'
import { parseCertificate, type Certificate } from '../../scripts/formats/x509.ts'
import { ForgeError, isErrno } from '../../scripts/lib/errors.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import { trustedCertificates, type TrustedCertificates } from '../signing/acceptance.ts'

// Which certificates a kernel vouches for modules with, where it can be read. Where it cannot, nothing is claimed.

/** Of a kernel in a router's image. */
export async function certificatesInImage(image: RouterImage, kernel: ImageKernel, shown: string, config: KernelConfig): Promise<TrustedCertificates | undefined> {
  const found = await unlessUnreadable(() => readKernelImage(image, kernel))
  return found && trustedCertificates(`${found.file} of ${shown}`, found.certificates, config)
}

/** Of a kernel that was built in this folder: its own, else the one that its build made or was given for its modules. */
export async function certificatesInTree(dir: string, release: KernelRelease, config: KernelConfig, deps: { exec: Exec; workDir: string }): Promise<TrustedCertificates | undefined> {
  for (const [path, read] of [
    ['vmlinux', inVmlinux], ['arch/x86/boot/bzImage', inBzImage],
    // Alone, it tells all only when the configuration names no others.
    ...((config.value('SYSTEM_TRUSTED_KEYS') ?? '') === '' && !config.isSet('SYSTEM_EXTRA_CERTIFICATE') ? [['certs/signing_key.x509', inCertificateFile] as const] : []),
  ] as const) {
    const found = await unlessUnreadable(() => read(join(dir, path), release, deps))
    const trusted = found && trustedCertificates(path, found, config)
    if (trusted) return trusted
  }
  return undefined
}

async function inVmlinux(path: string, release: KernelRelease): Promise<readonly Certificate[]> {
  await using file = await openByteSource(path)
  return (await kernelTexts(await openVmlinux(file), release)).certificates
}

async function inBzImage(path: string, release: KernelRelease, { exec, workDir }: { exec: Exec; workDir: string }): Promise<readonly Certificate[]> {
  await using file = await openByteSource(path)
  await mkdir(workDir, { recursive: true })
  const dir = await mkdtemp(join(workDir, 'kernel-'))
  try {
    return await inVmlinux(await unpackKernel(file, await readBzImage(file), { exec, workDir: dir }), release)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function inCertificateFile(path: string): Promise<readonly Certificate[]> {
  const bytes = await readFile(path)
  try {
    return [parseCertificate(bytes)]
  } catch {
    return []
  }
}

/** What is not there, or not to be read: whether that is a fault, others say. */
async function unlessUnreadable<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (isErrno(error, 'ENOENT') || (error instanceof ForgeError && ['E_IMAGE_KERNEL', 'E_KERNEL_IMAGE', 'E_IMAGE_TRUNCATED'].includes(error.code))) return undefined
    throw error
  }
}
