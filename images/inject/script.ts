import { copyFile, open, stat } from 'node:fs/promises'
import { ForgeError, isErrno } from '../../scripts/lib/errors.ts'

/** Kernels read no more. */
const longestFirstLine = 256

/** Takes what `--script` names to where the image finds it. @throws ForgeError E_USAGE for what no image can run */
export async function copyScript(script: string, to: string): Promise<void> {
  const unreadable = (cause: unknown): never => { throw isErrno(cause, 'ENOSPC') || isErrno(cause, 'EDQUOT') ? cause : new ForgeError('E_USAGE', `the script ${script} cannot be read`, { hint: 'correct --script', cause }) }
  // A pipe would be waited for without an end.
  if (!(await stat(script).catch(unreadable)).isFile()) throw new ForgeError('E_USAGE', `the script ${script} is not a file`, { hint: 'write it to a file first' })
  await copyFile(script, to).catch(unreadable)
  if ((await firstLine(to)).endsWith('\r')) throw new ForgeError('E_USAGE', `the script ${script} has the line ends of Windows (CRLF), so the image finds no interpreter for it`, { hint: `take them out: sed -i 's/\\r$//' ${script}` })
}

interface ScriptEnd {
  /** Where a copy of it lies. */
  copy: string
  status: string
  /** What was printed, a line each. */
  said: readonly string[]
  cause: ForgeError
}

/** The error for a script that failed in the image. */
export async function scriptFailure(script: string, { copy, status, said, cause }: ScriptEnd): Promise<ForgeError> {
  const more = { cause, ...(cause.details === undefined ? {} : { details: cause.details }) }
  if (said.at(-1)?.startsWith('bwrap: execvp ') === true) {
    const interpreter = /^#!\s*(\S+)/.exec(await firstLine(copy))?.[1]
    return new ForgeError('E_INJECT', `the script ${script} cannot be started in the image, which has no ${interpreter ?? 'program for it'}`, { hint: 'have it begin with #!/bin/sh, or give a package with that program too', ...more })
  }
  return new ForgeError('E_INJECT', `the script ${script} failed in the image: exit status ${status}`, { hint: 'its last words above say why; nothing was written', ...more })
}

/** A script may be any program, of any size. */
async function firstLine(script: string): Promise<string> {
  await using file = await open(script)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(longestFirstLine))
  return buffer.toString('latin1', 0, bytesRead).split('\n', 1)[0] ?? ''
}
