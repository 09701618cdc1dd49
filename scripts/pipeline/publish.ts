import { constants } from 'node:fs'
import { access, copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { randomBytes } from 'node:crypto'
import { sha256File } from '../lib/digest.ts'
import { ForgeError, isErrno } from '../lib/errors.ts'
import { lockFile } from '../lib/file-lock.ts'
import type { BuildReport } from './report/report.ts'

/** A file or folder to appear in the output. */
export interface OutputPart {
  /** Relative to the output folder. */
  path: string
  from: { copy: string } | { text: string }
}

const checksumFile = 'SHA256SUMS'

/**
 * Puts the parts into `dir`, all or none: they are gathered beside it and swapped in by rename. What was there before
 * goes, if nat64-forge made it.
 * @throws ForgeError E_OUT, E_DISK_FULL
 */
export async function publish(dir: string, parts: readonly OutputPart[], finish: (artifacts: BuildReport['artifacts']) => OutputPart[], signal?: AbortSignal): Promise<void> {
  await refuseForeign(dir)
  await mkdir(dirname(dir), { recursive: true })
  await using _lock = await lockFile(join(dirname(dir), `.${basename(dir)}.lock`), signal ? { signal } : {})
  const suffix = randomBytes(4).toString('hex')
  const fresh = `${dir}.new-${suffix}`
  const old = `${dir}.old-${suffix}`
  try {
    await sweepLeftovers(dir)
    await mkdir(fresh, { recursive: true })
    for (const part of parts) await place(part, fresh)
    const artifacts = await listArtifacts(fresh)
    for (const part of finish(artifacts)) await place(part, fresh)
    const lines = (await listArtifacts(fresh)).map(({ path, sha256 }) => `${sha256}  ${path}`)
    await writeFile(join(fresh, checksumFile), `${lines.join('\n')}\n`)
    const replaced = await rename(dir, old).then(() => true, (error: unknown) => { if (isErrno(error, 'ENOENT')) return false; throw error })
    await rename(fresh, dir).catch(async (error: unknown) => {
      if (replaced) await rename(old, dir)
      throw error
    })
    if (replaced) await rm(old, { recursive: true, force: true })
  } catch (error) {
    await rm(fresh, { recursive: true, force: true })
    if (error instanceof ForgeError) throw error
    if (isErrno(error, 'ENOSPC')) throw new ForgeError('E_DISK_FULL', `the disk of ${dir} is full; the earlier output is untouched`, { hint: 'free space, or give another disk with --out DIR', cause: error })
    throw new ForgeError('E_OUT', `cannot write the output ${dir}: ${error instanceof Error ? error.message : String(error)}`, { hint: 'give another folder with --out DIR', cause: error })
  }
}

/** The report of a result with these stage keys that `dir` already holds, whole. */
export async function alreadyPublished(dir: string, keys: readonly string[]): Promise<BuildReport | undefined> {
  try {
    const report = JSON.parse(await readFile(join(dir, 'report.json'), 'utf8')) as BuildReport
    if (report.verdict !== 'pass' || !keys.every((key) => report.stages.some((stage) => stage.key === key))) return undefined
    for (const { path, sizeBytes } of report.artifacts) if ((await stat(join(dir, path))).size !== sizeBytes) return undefined
    for (const path of ['report.html', checksumFile, ...(report.smoke ? ['junit.xml'] : [])]) await access(join(dir, path))
    return report
  } catch {
    return undefined
  }
}

async function place(part: OutputPart, dir: string): Promise<void> {
  const to = join(dir, part.path)
  await mkdir(dirname(to), { recursive: true })
  if ('text' in part.from) await writeFile(to, part.from.text)
  else await copyTree(part.from.copy, to)
}

// A copy shares blocks with the store where the file system can.
async function copyTree(from: string, to: string): Promise<void> {
  if (!(await stat(from)).isDirectory()) {
    await copyFile(from, to, constants.COPYFILE_FICLONE)
    return
  }
  await mkdir(to, { recursive: true })
  for (const name of (await readdir(from)).sort()) await copyTree(join(from, name), join(to, name))
}

async function listArtifacts(dir: string): Promise<BuildReport['artifacts']> {
  const artifacts: BuildReport['artifacts'] = []
  for (const path of await filesOf(dir)) artifacts.push({ path, sha256: await sha256File(join(dir, path)), sizeBytes: (await stat(join(dir, path))).size })
  return artifacts
}

/**
 * Output is replaced as a whole, so it must be ours to the last file.
 * @throws ForgeError E_OUT naming a file that nat64-forge did not write
 */
export async function refuseForeign(dir: string): Promise<void> {
  const [foreign] = await foreignFiles(dir)
  if (foreign === undefined) return
  throw new ForgeError('E_OUT', `${dir} holds ${foreign}, which nat64-forge did not write; it replaces its output as a whole and will not delete it`, { hint: 'move it away, or give another folder with --out DIR' })
}

/** Removes an earlier output, unless somebody put files of their own into it. */
export async function removeOutput(dir: string): Promise<void> {
  if ((await foreignFiles(dir)).length === 0) await rm(dir, { recursive: true, force: true })
}

/** Files of `dir` that its report does not list. @throws ForgeError E_OUT when it cannot be read */
async function foreignFiles(dir: string): Promise<string[]> {
  const files = await filesOf(dir).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [] as string[]
    throw new ForgeError('E_OUT', `the output ${dir} cannot be used: ${error instanceof Error ? error.message : String(error)}`, { hint: 'give another folder with --out DIR', cause: error })
  })
  const listed = new Set(['report.json', 'report.html', 'junit.xml', checksumFile])
  try {
    for (const { path } of (JSON.parse(await readFile(join(dir, 'report.json'), 'utf8')) as BuildReport).artifacts) listed.add(path)
  } catch {
    // No report of ours: only the logs of a build that failed early can be.
    listed.clear()
  }
  return files.filter((path) => !listed.has(path) && !/^logs\/[a-z]+\.log$/.test(path))
}

async function filesOf(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => relative(dir, join(entry.parentPath, entry.name))).sort()
}

/** What a killed run left beside the output; an `.old` folder is put back when the swap was cut in two. */
async function sweepLeftovers(dir: string): Promise<void> {
  const parent = dirname(dir)
  const base = dir.slice(parent.length + 1)
  for (const name of await readdir(parent).catch(() => [])) {
    if (!new RegExp(`^${base.replace(/[.]/g, '\\.')}\\.(new|old)-[0-9a-f]{8}$`).test(name)) continue
    const there = await access(dir).then(() => true, () => false)
    if (name.includes('.old-') && !there) await rename(join(parent, name), dir)
    else await rm(join(parent, name), { recursive: true, force: true })
  }
}
