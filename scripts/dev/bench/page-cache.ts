import { exec } from './figure.ts'

/** Asks the kernel to forget the file's pages; needs no rights. */
export async function dropFromCache(file: string): Promise<void> {
  await exec(['sync', '--file-system', file])
  await exec(['dd', `if=${file}`, 'iflag=nocache', 'count=0', 'status=none'])
}
