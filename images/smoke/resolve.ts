import { ForgeError } from '../../scripts/lib/errors.ts'
import type { SmokeSpec } from './spec.ts'

/** `signed`: the target says which certificate the image's boot loader and kernel are signed with. @throws ForgeError E_TARGET */
export function refuseUnsigned({ firmware }: Pick<SmokeSpec, 'firmware'>, signed: boolean): void {
  if (signed || !firmware.includes('uefi-secure')) return
  throw new ForgeError('E_TARGET', 'smoke.firmware: uefi-secure boots only what is signed, and nothing says with which certificate', { hint: 'give iso.secureBoot with a key and its certificate, or leave uefi-secure out' })
}
