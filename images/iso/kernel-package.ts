import { join } from 'node:path'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { IsoDeps } from './deps.ts'

/** The kernel's own package, from the stage that made or was given it. @throws ForgeError E_ISO */
export function kernelPackage(release: string, headers: IsoDeps['before']['headers']): { name: string; path: string } {
  const found = headers?.kernelPackages?.find(({ name }) => name === `linux-image-${release}`)
  if (headers !== undefined && found !== undefined) return { name: found.name, path: join(headers.dir, found.file) }
  throw new ForgeError('E_ISO', `nothing says where the package linux-image-${release} is, and the router's image needs it`, {
    hint: 'name the kernel\'s package in the target: headers.image beside the headers; or build only as far as the packages (--until debs)',
  })
}
