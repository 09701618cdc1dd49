import semver from 'semver'
import { ForgeError } from '../lib/errors.ts'
import type { Brand } from './brand.ts'

/** What `uname -r` prints: `6.1.0-56-amd64`, `6.12.48+deb13-amd64`, `6.6.54-vyos`. Neither semver nor a Debian version. */
export type KernelRelease = Brand<'KernelRelease'>

const pattern = /^\d+\.\d+(\.\d+)?[A-Za-z0-9.+~_-]*$/

/** @throws ForgeError E_KERNEL */
export function kernelRelease(text: string): KernelRelease {
  if (!pattern.test(text) || text.length > 64) {
    throw new ForgeError('E_KERNEL', `"${text}" is not a kernel release`, { hint: 'give what `uname -r` prints on the router, for example 6.1.0-56-amd64' })
  }
  return text as KernelRelease
}

/** The upstream series as semver, `6.1.0` for `6.1.0-56-amd64`: what support tables are written in. */
export function kernelSeries(release: KernelRelease): semver.SemVer {
  const version = semver.coerce(release)
  if (!version) throw new ForgeError('E_KERNEL', `"${release}" has no version number`)
  return new semver.SemVer(`${String(version.major)}.${String(version.minor)}.0`)
}
