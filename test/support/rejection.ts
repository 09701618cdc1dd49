import { ForgeError } from '../../scripts/lib/errors.ts'

/** The ForgeError that the action ends in; anything else fails the test. */
export async function rejection(action: Promise<unknown> | (() => unknown)): Promise<ForgeError> {
  try {
    await (typeof action === 'function' ? action() : action)
  } catch (error) {
    if (error instanceof ForgeError) return error
    throw error
  }
  throw new Error('it succeeded, and should have failed')
}
