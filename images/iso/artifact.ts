import type { Sha256 } from '../../scripts/domain/digest.ts'
import type { Injection } from '../inject/artifact.ts'

export type { IsoPlan } from './plan.ts'
export type { IsoLocked } from './spec.ts'

/** What was done to an image that was there before. */
export interface InjectedReport extends Pick<Injection, 'mode' | 'packages' | 'removed' | 'modulesListed' | 'initrds' | 'kernel' | 'notes'> {
  /** The image's name and digest. */
  into: string
  sha256: string
}

/** A bootable router image. Paths are relative to the artifact's folder. */
export interface IsoArtifact {
  isoName: string
  sha256: Sha256
  sizeBytes: number
  /** ISO 9660 volume ID. */
  volumeId: string
  squashfsBytes: number
  /** PEM: with this certificate in the firmware's `db`, the image boots under Secure Boot. */
  secureBootCertificate?: string
  /** Absent for an image that was made here. */
  injected?: InjectedReport
  /** Every Debian package inside, boot loaders of the host last, one `name version sourcePackage sourceVersion` a line. */
  manifest: string
}
