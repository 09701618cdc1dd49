import { copyFile } from 'node:fs/promises'
import { openOutput } from '../../images/inject/artifact.ts'
import { ForgeError, isErrno } from '../lib/errors.ts'
import type { Exec } from '../lib/exec.ts'

/**
 * Copies what was made to where it was asked for: whole or not at all, also when this program is killed, and in nobody's place.
 * @throws ForgeError E_OUT, E_DISK_FULL; E_USAGE when something of that name has appeared meanwhile
 */
export async function publishOutput(from: string, to: string, exec: Exec): Promise<void> {
  await using output = await openOutput(to, exec)
  try {
    await copyFile(from, output.path)
    await output.publish()
  } catch (error) {
    if (isErrno(error, 'ENOSPC')) throw new ForgeError('E_DISK_FULL', `the disk of ${to} is full`, { hint: 'free space there, or give another disk with --output', cause: error })
    throw error
  }
}
