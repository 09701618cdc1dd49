import type { Squashfs } from '../../scripts/formats/squashfs/squashfs.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { inodeAt } from './unpacked-root.ts'

/** Programs that others of the image's own stand in for while packages are installed. */
const programs = [
  ['policy', 'usr/sbin', 'policy-rc.d'],
  ['initramfs', 'usr/sbin', 'update-initramfs'],
  ['removal', 'usr/bin', 'linux-check-removal'],
] as const

/**
 * A line for each that matters: which it is, and where it lies when all links on the way are followed.
 * @throws ForgeError E_INJECT when the image has no place for them
 */
export function heldBack(squashfs: Squashfs): string[] {
  return programs.flatMap(([what, folder, name]) => {
    const real = realFolder(squashfs, folder)
    if (real === undefined || !/^[\w.+/-]+$/.test(real)) throw new ForgeError('E_INJECT', `the image has no folder /${folder}, nor a link to one`, { hint: 'only images of Debian and of what is made of it can be injected into' })
    // Nothing has to be there for a package to ask whether services may start.
    return what === 'policy' || inodeAt(squashfs, `${real}/${name}`) !== undefined ? [`${what} ${real}/${name}`] : []
  })
}

/** As Linux has it. */
const mostLinks = 40

/** A folder's path without links, inside the image whatever they say; undefined when there is none. Bytes, one a character. */
export function realFolder(squashfs: Squashfs, path: string): string | undefined {
  let real: string[] = []
  const left = path.split('/')
  let links = 0
  while (left.length > 0) {
    const name = left.shift() ?? ''
    if (name === '' || name === '.') continue
    if (name === '..') {
      real.pop()
      continue
    }
    const inode = inodeAt(squashfs, [...real, name].join('/'))
    if (inode?.kind === 'directory') real.push(name)
    else if (inode?.kind === 'symlink' && links < mostLinks) {
      links += 1
      const target = inode.targetBytes.toString('latin1')
      if (target.startsWith('/')) real = []
      left.unshift(...target.split('/'))
    } else return undefined
  }
  return real.join('/')
}
