import { chmod, copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cpuArgv } from '../../images/smoke/lab/qemu-argv.ts'
import type { Exec } from '../../scripts/lib/exec.ts'

export interface InitramfsGuest {
  /** A bzImage with a serial console; it needs neither disks nor /proc. */
  kernel: string
  /** Debian's busybox-static. */
  busybox: string
  /** Its files are in /files of the guest. */
  files: string
  /** Lines for busybox's shell, run as the first and only program. */
  script: string
  workDir: string
}

const deadlineMs = 120_000

/** Boots a kernel without a boot loader, runs a script in an initramfs, and resolves to what the serial console printed. @throws ForgeError E_TIMEOUT */
export async function runInGuest({ kernel, busybox, files, script, workDir }: InitramfsGuest, exec: Exec): Promise<string> {
  const root = join(workDir, 'initramfs')
  await mkdir(join(root, 'bin'), { recursive: true })
  await mkdir(join(root, 'files'))
  for (const name of await readdir(files)) await copyFile(join(files, name), join(root, 'files', name))
  await copyFile(busybox, join(root, 'bin/busybox'))
  await writeFile(join(root, 'init'), `#!/bin/busybox sh\n/bin/busybox --install -s /bin\n${script}\nreboot -f\n`)
  for (const program of ['bin/busybox', 'init']) await chmod(join(root, program), 0o755)
  const initrd = join(workDir, 'initramfs.cpio')
  const names = await readdir(root, { recursive: true })
  await exec([busybox, 'cpio', '-o', '-H', 'newc', '-R', '0:0'], { cwd: root, input: `${names.sort().join('\n')}\n`, stdoutFile: initrd })
  const { stdout } = await exec([
    'qemu-system-x86_64', '-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'q35', '-m', '128', ...cpuArgv('tcg'), '-serial', 'stdio',
    // It ends when it reboots, in good order or after a panic.
    '-no-reboot', '-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0 panic=-1 loglevel=4',
  ], { doing: 'boot a guest', timeoutMs: deadlineMs })
  return stdout
}
