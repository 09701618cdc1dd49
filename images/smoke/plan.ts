import type { PlanInput } from '../../scripts/pipeline/stage.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { checkIds, fullSet, rebootSet, secureSet, shortSet, type CheckId } from './checks/catalogue.ts'
import type { Firmware, IsoMedium, SmokeSpec, UserCheck } from './spec.ts'

export interface PlannedBoot {
  firmware: Firmware
  checks: CheckId[]
  userChecks: UserCheck[]
}

export interface SmokePlan {
  driver: SmokeSpec['driver']
  /** What the section says. */
  login: { user?: string; password?: string }
  /** Of root of an image that is made here: nobody's on a VyOS, and what the image is may be known only when it is looked into. */
  imagePassword?: string
  medium: IsoMedium
  memoryMiB: number
  cpus: number
  /** What the router must have; undefined for an ISO that is not ours: then tools and modules must only agree. */
  expected: { joolVersion?: string; kernelRelease?: string }
  boots: PlannedBoot[]
}

export interface SmokeBefore {
  source: { joolVersion: string }
  headers: { release: string }
  /** An image that was not made here says no password. */
  iso: { isoName: string; rootPassword?: string }
}

/** @throws ForgeError E_TARGET when nobody could log in */
export function requirePassword({ driver, login, imagePassword }: SmokePlan): void {
  if ((login.password ?? imagePassword) !== undefined || driver === 'vyos') return
  throw new ForgeError('E_TARGET', `smoke.login.password is needed: the image was not made here, and nothing says with which password ${login.user ?? 'root'} logs in`, { hint: 'write smoke.login with user and password of the image, or for VyOS with its usual ones smoke.driver: vyos; or build only as far as the image (--until iso)' })
}

/** As whom to log in, when it is known what the router is. */
export function loginOf({ login, imagePassword = '' }: Pick<SmokePlan, 'login' | 'imagePassword'>, driver: 'reference' | 'vyos'): { user: string; password: string } {
  const usual = driver === 'vyos' ? { user: 'vyos', password: 'vyos' } : { user: 'root', password: imagePassword }
  return { ...usual, ...login }
}

/** Everything is asked of the first boot; the other firmware has to boot, translate and no more. */
export function planSmoke({ spec }: Pick<PlanInput<SmokeSpec, unknown>, 'spec'>, before: SmokeBefore): SmokePlan {
  return planBoots(spec, before.iso.rootPassword, { joolVersion: before.source.joolVersion, kernelRelease: before.headers.release })
}

/** The same for somebody's ISO, of which less may be known. `imagePassword` is tried when the section names none, and the image is no VyOS. */
export function planBoots(spec: SmokeSpec, imagePassword: string | undefined, expected: SmokePlan['expected']): SmokePlan {
  const { user, password } = spec.login
  return {
    driver: spec.driver,
    login: { ...(user === undefined ? {} : { user }), ...(password === undefined ? {} : { password }) },
    ...(imagePassword === undefined ? {} : { imagePassword }),
    medium: spec.medium,
    memoryMiB: spec.memoryMiB,
    cpus: spec.cpus,
    expected,
    boots: [...new Set(spec.firmware)].map((firmware, index) => ({
      firmware,
      checks: checkIds.filter((id) => (index === 0 ? fullSet : shortSet).has(id) && (spec.reboot || !rebootSet.has(id)) && (firmware === 'uefi-secure' || !secureSet.has(id))),
      userChecks: index === 0 ? spec.checks : [],
    })),
  }
}
