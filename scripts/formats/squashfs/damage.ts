import { ForgeError } from '../../lib/errors.ts'

/** `position`: the byte of the image (or of its inode or directory table, when `what` says so) at which it shows. */
export function damagedSquashfs(name: string, what: string, position: number): ForgeError {
  return new ForgeError('E_SQUASHFS', `${name}: ${what} (byte ${String(position)})`, { hint: 'the image is damaged or made to do harm; get it again from a source you trust' })
}
