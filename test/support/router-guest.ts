import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SerialShell } from '../../images/smoke/drivers/serial-shell.ts'
import { referenceDriver } from '../../images/smoke/drivers/reference.ts'
import type { RouterDriver } from '../../images/smoke/drivers/router-driver.ts'
import { probeAccelerator } from '../../images/smoke/lab/accelerator.ts'
import { Guest } from '../../images/smoke/lab/guest.ts'
import { Timeline } from '../../images/smoke/lab/timeline.ts'
import { startTree } from '../../images/smoke/lab/tree.ts'
import type { Exec } from '../../scripts/lib/exec.ts'

export interface RouterGuest {
  /** A reference router's ISO. */
  iso: string
  /** A folder that becomes the file system on /dev/vda. */
  disk: string
  workDir: string
}

/** Boots a router under BIOS in the lab, logs in as root and lets `work` run commands there. @throws ForgeError E_LAB, E_BOOT */
export async function onRouter<T>({ iso, disk, workDir }: RouterGuest, exec: Exec, work: (router: RouterDriver) => Promise<T>): Promise<T> {
  await mkdir(workDir, { recursive: true })
  const image = join(workDir, 'disk.img')
  await exec(['mke2fs', '-q', '-t', 'ext4', '-d', disk, image, '64M'])
  const { accelerator, speedFactor } = await probeAccelerator(exec, workDir)
  const { signal } = new AbortController()
  await using tree = await startTree()
  await using guest = await Guest.start(tree, {
    accelerator, firmware: 'bios', medium: { iso, on: 'cd', persistenceImage: image }, memoryMiB: 768, cpus: 2, speedFactor, workDir, consoleFile: join(workDir, 'console.log'), timeline: new Timeline(), signal,
  })
  await Promise.all([guest.until('login'), guest.run()])
  const router = referenceDriver(new SerialShell(guest.console, { speedFactor, signal }), { user: 'root', password: 'router' })
  await router.login()
  return await Promise.race([work(router), guest.ended()])
}
