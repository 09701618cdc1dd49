import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { rfc5322Date } from './changelog.ts'
import { paragraph } from './control.ts'
import type { DebsPlan } from './plan.ts'

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

/** A `.buildinfo` in format 1.0 (deb-buildinfo(5)); says nothing that differs between two builds from one lock. */
export function buildinfo(plan: DebsPlan, files: readonly FileDigests[]): string {
  const checksums = (of: 'md5' | 'sha1' | 'sha256'): string => files.map((file) => `\n ${file[of]} ${String(file.sizeBytes)} ${file.name}`).join('')
  const installed = plan.buildRootPackages
    .map(({ name, version, architecture }) => `${architecture === plan.architecture || architecture === 'all' ? name : `${name}:${architecture}`} (= ${version})`)
    .sort()
  return paragraph([
    ['Format', '1.0'],
    ['Source', plan.source],
    ['Binary', plan.packages.map(({ name }) => name).sort().join(' ')],
    ['Architecture', plan.architecture],
    ['Version', plan.version],
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
