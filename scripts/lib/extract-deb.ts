import { mkdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { ErrorCode } from './error-codes.ts'
import type { Exec } from './exec.ts'
import { extractTar, type ExtractOptions } from './extract.ts'

/** Unpacks a Debian package's files, whatever it is compressed with. @throws ForgeError E_ARCHIVE; `errorCode` for a damaged package */
export async function extractDeb(deb: string, dir: string, { exec, workDir }: { exec: Exec; workDir: string }, { errorCode = 'E_ARCHIVE', ...options }: ExtractOptions & { errorCode?: ErrorCode }): Promise<void> {
  await mkdir(workDir, { recursive: true })
  const tarFile = join(workDir, `${basename(deb)}.tar`)
  try {
    await exec(['dpkg-deb', '--fsys-tarfile', deb], { stdoutFile: tarFile, doing: `unpack ${basename(deb)}`, errorCode, hint: 'the package is damaged; get it again' })
    await extractTar(tarFile, dir, options)
  } finally {
    await rm(tarFile, { force: true })
  }
}
