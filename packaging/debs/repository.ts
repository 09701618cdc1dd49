import { link, mkdir, copyFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isErrno } from '../../scripts/lib/errors.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import { rfc5322Date } from './changelog.ts'
import type { DebsPlan } from './plan.ts'
import { signRelease } from './sign.ts'

/** Public key of a signed repository, in its folder. */
export const keyringName = 'nat64-forge-archive-keyring.gpg'

/** A flat apt repository over the packages: `deb copy:/…/apt ./`; signed when the plan names a key. */
export async function writeRepository(plan: DebsPlan, debFiles: readonly string[], aptDir: string, exec: Exec): Promise<void> {
  await mkdir(join(aptDir, 'pool'), { recursive: true })
  for (const file of debFiles) await linkOrCopy(file, join(aptDir, 'pool', basename(file)))

  const { stdout: packages } = await exec(['apt-ftparchive', 'packages', 'pool'], { cwd: aptDir, doing: 'index the packages' })
  await writeFile(join(aptDir, 'Packages'), packages)
  await exec(['xz', '--threads=1', '--keep', '-6', 'Packages'], { cwd: aptDir, doing: 'compress the index' })

  const option = (name: string, value: string): string[] => ['-o', `APT::FTPArchive::Release::${name}=${value}`]
  const { stdout: release } = await exec([
    'apt-ftparchive', ...option('Origin', 'nat64-forge'), ...option('Label', 'nat64-forge'), ...option('Suite', 'stable'), ...option('Date', rfc5322Date(plan.sourceDateEpoch)),
    ...option('Architectures', plan.architecture), ...option('Description', `NAT64 with Jool ${plan.version}`), 'release', '.',
  ], { cwd: aptDir, doing: 'write the Release file' })
  await writeFile(join(aptDir, 'Release'), release)

  if (plan.signing !== undefined) await signRelease(plan.signing, plan.sourceDateEpoch, { aptDir, keyring: keyringName }, exec)
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if (!isErrno(error, 'EXDEV') && !isErrno(error, 'EPERM')) throw error
    await copyFile(from, to)
  }
}
