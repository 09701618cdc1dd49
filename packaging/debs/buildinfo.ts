import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { rfc5322Date } from './changelog.ts'
import { paragraph } from './control.ts'
import type { DebsPlan, SourcePackage } from './plan.ts'

export interface FileDigests {
  name: string
  sizeBytes: number
  md5: string
  sha1: string
  sha256: string
}

/** All three digests that deb-buildinfo(5) asks for. */
export async function digestsOf(dir: string, name: string): Promise<FileDigests> {
  const data = await readFile(join(dir, name))
  const digest = (algorithm: string): string => createHash(algorithm).update(data).digest('hex')
  return { name, sizeBytes: (await stat(join(dir, name))).size, md5: digest('md5'), sha1: digest('sha1'), sha256: digest('sha256') }
}

/** Of each source package the name of its `.buildinfo`. */
export function buildinfoName({ name, version, architecture }: SourcePackage): string {
  return `${name}_${version}_${architecture}.buildinfo`
}

/**
 * A `.buildinfo` of a source package in format 1.0 (deb-buildinfo(5)); says nothing that differs between two builds from one lock.
 * `files` are its binary packages. What is compiled is compiled in the build root; packages for all architectures are not.
 */
export function buildinfo(plan: DebsPlan, source: SourcePackage, files: readonly FileDigests[]): string {
  const checksums = (of: 'md5' | 'sha1' | 'sha256'): string => files.map((file) => `\n ${file[of]} ${String(file.sizeBytes)} ${file.name}`).join('')
  const installed = (source.architecture === 'all' ? [] : plan.buildRootPackages)
    .map(({ name, version, architecture }) => `${architecture === plan.architecture || architecture === 'all' ? name : `${name}:${architecture}`} (= ${version})`)
    .sort()
  return paragraph([
    ['Format', '1.0'],
    ['Source', source.name],
    ['Binary', plan.packages.filter((one) => one.source.name === source.name).map(({ name }) => name).sort().join(' ')],
    ['Architecture', source.architecture],
    ['Version', source.version],
    ['Checksums-Md5', checksums('md5')],
    ['Checksums-Sha1', checksums('sha1')],
    ['Checksums-Sha256', checksums('sha256')],
    ['Build-Origin', 'nat64-forge'],
    ['Build-Architecture', plan.architecture],
    ['Build-Date', rfc5322Date(plan.sourceDateEpoch)],
    ['Installed-Build-Depends', installed.map((relation) => `\n ${relation}`).join(',')],
    ['Environment', `\n LC_ALL="C.UTF-8"\n SOURCE_DATE_EPOCH="${String(plan.sourceDateEpoch)}"\n TZ="UTC"`],
  ]).replace(/: \n/g, ':\n')
}
