import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import type { Log } from '../../scripts/lib/log.ts'
import { openRouterImage, systemOf } from '../inspect/artifact.ts'

const explicit = { hint: 'write smoke.driver: reference or smoke.driver: vyos' } as const

/**
 * VyOS is what has VyOS's command line; a name alone makes none.
 * @throws ForgeError E_TARGET where it cannot be told, and for a VyOS without nat64, before anything is booted
 */
export async function driverFor(medium: { iso: string } | { installedDisk: string }, exec: Exec, log: Log): Promise<'reference' | 'vyos'> {
  if (!('iso' in medium)) throw new ForgeError('E_TARGET', 'a disk that a router is installed on is not looked into', explicit)
  try {
    await using image = await openRouterImage(medium.iso, { exec })
    const { packages, vyosVersion = '' } = await systemOf(image)
    if (packages?.some(({ name }) => name === 'vyos-1x') !== true) return 'reference'
    log.note(`the image is VyOS ${vyosVersion}: it is configured in its command line`)
    if (await (await image.root()).stat('usr/libexec/vyos/conf_mode/nat64.py') !== undefined) return 'vyos'
    throw new WithoutNat64('E_TARGET', `the image is VyOS ${vyosVersion}, which has no nat64 in its configuration`, { hint: 'put it in with `nat64-forge inject`, and test that image' })
  } catch (error) {
    // A guess would end in a login that is refused, minutes later.
    if (!(error instanceof ForgeError) || error instanceof WithoutNat64) throw error
    throw new ForgeError('E_TARGET', `whether the image is VyOS cannot be told: ${error.message}`, { ...explicit, cause: error })
  }
}

class WithoutNat64 extends ForgeError {}
