import { constants } from 'node:fs'
import { access, link, lstat, open, rename, rm, stat, statfs, type FileHandle } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { ForgeError, isErrno } from '../../scripts/lib/errors.ts'
import type { Exec } from '../../scripts/lib/exec.ts'

/** A file that has no name until it is complete. */
export interface Output extends AsyncDisposable {
  /** Where programs write it. */
  path: string
  /** On the disk with all its bytes, then under its name. @throws ForgeError E_USAGE when something of that name has appeared */
  publish: () => Promise<void>
}

/** A number that Node has no name for: Linux's O_TMPFILE, with O_DIRECTORY in it. */
const withoutName = 0o20200000

/**
 * Checks that a file can be written before anything is done for it.
 * @throws ForgeError E_USAGE, E_OUT, E_DISK_FULL
 */
export async function checkOutput(output: string, input: string, neededBytes: number): Promise<void> {
  const folder = dirname(resolve(output))
  const [there, source] = [await stat(output).catch(() => undefined), await stat(input).catch(() => undefined)]
  if (source && there?.dev === source.dev && there.ino === source.ino) {
    throw new ForgeError('E_USAGE', `${output} is the same file as ${input}`, { hint: 'name another file: the given image is never written to' })
  }
  // A link that leads nowhere is something too.
  if (there ?? await lstat(output).catch(() => undefined)) throw new ForgeError('E_USAGE', `${output} exists`, { hint: 'name another file, or remove it' })
  await stat(folder).catch((cause: unknown) => { throw new ForgeError('E_USAGE', `the folder for ${output} does not exist`, { hint: 'make it first', cause }) })
  await access(folder, constants.W_OK).catch((cause: unknown) => { throw notWritable(folder, cause) })
  const nameless = await openNameless(folder)
  await nameless?.close()
  if (!nameless && await stat(partOf(output)).then(() => true, () => false)) throw partExists(output)
  await checkOutputSpace(output, neededBytes)
}

/** @throws ForgeError E_DISK_FULL when the disk of an output has not that much free */
export async function checkOutputSpace(output: string, neededBytes: number): Promise<void> {
  const folder = dirname(resolve(output))
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize < neededBytes) throw tooFull(folder, neededBytes, bavail * bsize)
}

/** @throws ForgeError E_DISK_FULL when a folder's disk has not that much free */
export async function checkSpace(folder: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize < neededBytes) throw new ForgeError('E_DISK_FULL', `the store's disk has ${mib(bavail * bsize)} free, and ${mib(neededBytes)} are needed`, { hint: 'free space, or give another disk with --store DIR; `nat64-forge store gc --max-size 2G` frees the cache' })
}

/** Opens the output. Where the file system can, it has no name, so that not even a killed run leaves a part of it. @throws ForgeError E_OUT; E_USAGE when a part of such a name is there */
export async function openOutput(output: string, exec: Exec): Promise<Output> {
  const target = resolve(output)
  const nameless = await openNameless(dirname(target))
  if (nameless) {
    const path = `/proc/${String(process.pid)}/fd/${String(nameless.fd)}`
    return {
      path,
      publish: async () => {
        await nameless.sync()
        await exec(['ln', '--logical', '--no-target-directory', path, target], { doing: `put ${output} in its place`, errorCode: 'E_OUT', hint: 'the last words above say why: look at that disk' })
          .catch(async (cause: unknown) => { throw await stat(target).then(() => new ForgeError('E_USAGE', `${output} exists`, { hint: appeared, cause }), () => cause) })
      },
      [Symbol.asyncDispose]: () => nameless.close(),
    }
  }
  const partial = partOf(target)
  const handle = await open(partial, 'wx+').catch((error: unknown) => { throw isErrno(error, 'EEXIST') ? partExists(output) : error })
  return {
    path: partial,
    publish: async () => {
      await handle.sync()
      await nameOnce(partial, target).catch((cause: unknown) => { throw isErrno(cause, 'EEXIST') ? new ForgeError('E_USAGE', `${output} exists`, { hint: appeared, cause }) : cause })
    },
    [Symbol.asyncDispose]: async () => {
      await handle.close()
      await rm(partial, { force: true })
    },
  }
}

const appeared = 'it appeared while this run was under way: name another file'

/** Undefined where the file system has no files without a name. @throws ForgeError E_OUT */
async function openNameless(folder: string): Promise<FileHandle | undefined> {
  return await open(folder, withoutName | constants.O_RDWR, 0o666).catch((error: unknown) => {
    if (isErrno(error, 'EROFS') || isErrno(error, 'EACCES')) throw notWritable(folder, error)
    return undefined
  })
}

/** Gives a file another name, which nobody has; where there are no links, the name is taken first. @throws EEXIST */
async function nameOnce(file: string, name: string): Promise<void> {
  try {
    await link(file, name)
  } catch (error) {
    if (isErrno(error, 'EEXIST')) throw error
    await (await open(name, 'wx')).close()
    await rename(file, name)
  }
}

function partOf(output: string): string {
  return `${resolve(output)}.part`
}

function partExists(output: string): ForgeError {
  return new ForgeError('E_USAGE', `${output}.part exists: another run is writing it, or one that was killed has left it`, { hint: 'remove it if no other run is under way, or name another file' })
}

function notWritable(folder: string, cause: unknown): ForgeError {
  return new ForgeError('E_OUT', `nothing can be written in ${folder}${isErrno(cause, 'EROFS') ? ': it is on a read-only file system' : ''}`, { hint: 'name a file in another folder', cause })
}

function tooFull(folder: string, neededBytes: number, freeBytes: number): ForgeError {
  return new ForgeError('E_DISK_FULL', `the disk of ${folder} has ${mib(freeBytes)} free, and the new image takes at least ${mib(neededBytes)}`, { hint: 'free space, or name a file on another disk' })
}

function mib(bytes: number): string {
  return `${(bytes / 1048576).toFixed(0)} MiB`
}
