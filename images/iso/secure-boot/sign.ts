import { copyFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseKernelConfig } from '../../../scripts/formats/kconfig.ts'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import type { HostTool } from '../../../scripts/lib/host-tools.ts'
import type { IsoDeps } from '../deps.ts'
import type { ReferencePlan } from '../plan.ts'
import { checkedCertificate } from './key.ts'

const shim = '/usr/lib/shim/shimx64.efi'
/** Debian's own GRUB from the same build as the modules; its `.sbat` says which revocations that build has outlived. */
const debianGrub = '/usr/lib/grub/x86_64-efi/monolithic/gcdx64.efi'

export const secureBootTools: readonly HostTool[] = [
  { command: shim, package: 'shim-unsigned', why: 'starts GRUB under Secure Boot (iso.secureBoot)' },
  { command: 'sbsign', package: 'sbsigntool', why: 'signs boot loaders and kernel for Secure Boot (iso.secureBoot)' },
  { command: 'faketime', package: 'faketime', why: 'gives those signatures the image\'s date' },
  { command: 'objcopy', package: 'binutils', why: 'reads the SBAT level of Debian\'s GRUB' },
]

/** The chain of an image that boots with Secure Boot on. */
export interface SecureBoot {
  /** PEM. */
  certificate: string
  /** Signs an EFI program or a kernel in place. @throws ForgeError E_ISO */
  sign: (program: string) => Promise<void>
  /** Puts the signed shim there. @throws ForgeError E_ISO */
  shim: (to: string) => Promise<void>
  /** A file with the levels by which shim tells a GRUB that was revoked. @throws ForgeError E_ISO */
  sbat: () => Promise<string>
}

/** @throws ForgeError E_KCONFIG for a kernel that cannot be started so; as openKey, when the key is not what it was when the target was resolved */
export async function openSecureBoot({ secureBoot, target }: ReferencePlan, deps: IsoDeps): Promise<SecureBoot | undefined> {
  if (secureBoot === undefined) return undefined
  const { exec, workDir } = deps
  await refuseKernel(deps)
  const certificate = await checkedCertificate(secureBoot, deps)
  const certificateFile = join(workDir, 'secure-boot.pem')
  await writeFile(certificateFile, certificate)
  // Authenticode has the time of signing among what it signs.
  const atItsDate = ['faketime', '-f', `@${new Date(target.sourceDateEpoch * 1000).toISOString().slice(0, 19).replace('T', ' ')}`] as const

  const sign = async (program: string): Promise<void> => {
    const signed = join(workDir, 'signed.efi')
    await exec([...atItsDate, 'sbsign', '--key', secureBoot.keyFile, '--cert', certificateFile, '--output', signed, program], { doing: 'sign for Secure Boot', errorCode: 'E_ISO' })
    await exec(['sbverify', '--cert', certificateFile, signed], { doing: 'verify a signature for Secure Boot', errorCode: 'E_ISO' })
    // Into the file that is there: its owner and mode stay.
    await copyFile(signed, program)
    await rm(signed)
  }
  return {
    certificate, sign,
    shim: async (to) => {
      await copyFile(shim, to)
      await sign(to)
    },
    sbat: async () => {
      const file = join(workDir, 'sbat.csv')
      await exec(['objcopy', '-O', 'binary', '--only-section=.sbat', debianGrub, file], { doing: 'read the SBAT level of GRUB', errorCode: 'E_ISO' })
      return file
    },
  }
}

/** What GRUB and the firmware need to start a kernel with Secure Boot on. */
const neededOptions = ['EFI_STUB', 'EFI_HANDOVER_PROTOCOL'] as const
/** Each locks a kernel down when Secure Boot is on; the first is a patch of distributions. */
const lockdownOptions = ['LOCK_DOWN_IN_EFI_SECURE_BOOT', 'LOCK_DOWN_KERNEL_FORCE_INTEGRITY', 'LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY'] as const

async function refuseKernel({ before: { headers }, log }: IsoDeps): Promise<void> {
  if (headers === undefined) return
  const config = parseKernelConfig(await readFile(join(headers.dir, headers.configFile), 'utf8'))
  const missing = neededOptions.filter((name) => !config.isSet(name))
  if (missing.length > 0) {
    throw new ForgeError('E_KCONFIG', `iso.secureBoot: ${headers.release} is configured without ${missing.map((name) => `CONFIG_${name}`).join(' and ')}, and GRUB starts no such kernel under Secure Boot`, { hint: 'switch it on in the kernel\'s configuration, or leave iso.secureBoot out' })
  }
  if (!lockdownOptions.some((name) => config.isSet(name))) log.warn(`${headers.release} is not configured to lock itself down when Secure Boot is on (CONFIG_${lockdownOptions[0]})`)
}
