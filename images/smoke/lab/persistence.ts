import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Exec } from '../../../scripts/lib/exec.ts'

/**
 * A disk on which a live system keeps /etc, and what nat64ctl has to remember, over a reboot, as live-boot defines it: a file system labelled
 * `persistence` with a `persistence.conf`. @see persistence.conf(5)
 */
export async function makePersistenceDisk(exec: Exec, workDir: string): Promise<string> {
  const content = join(workDir, 'persistence')
  const image = join(workDir, 'persistence.img')
  await mkdir(content)
  await writeFile(join(content, 'persistence.conf'), '/etc union\n/var/lib/nat64\n')
  await exec(['mke2fs', '-q', '-t', 'ext4', '-L', 'persistence', '-d', content, image, '64M'], { doing: 'make the router\'s disk' })
  return image
}
