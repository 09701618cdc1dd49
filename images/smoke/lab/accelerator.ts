import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import type { Exec } from '../../../scripts/lib/exec.ts'
import { cpuArgv, type Accelerator } from './qemu-argv.ts'

export interface AcceleratorProbe {
  accelerator: Accelerator
  /** 1 on the machine the deadlines were written on; never less, so that a fast machine is not judged harshly. */
  speedFactor: number
}

/** What the probe under TCG took on the machine that every deadline was tried on. */
const referenceMs = 900
/** SeaBIOS's isa-debug-exit: QEMU ends with 2n + 1. */
const exitStatus = (0x10 << 1) | 1

/**
 * A boot sector that counts down from 2^27, then leaves through the debug-exit device.
 *
 *     cli / mov ecx, 1<<27 / again: dec ecx / jnz again / mov dx, 0xf4 / mov al, 0x10 / out dx, al / hlt: jmp hlt
 */
export function probeSector(): Buffer {
  const sector = Buffer.alloc(512)
  sector.set([0xfa, 0x66, 0xb9, 0, 0, 0, 8, 0x66, 0x49, 0x75, 0xfc, 0xba, 0xf4, 0x00, 0xb0, 0x10, 0xee, 0xf4, 0xeb, 0xfd])
  sector.writeUInt16LE(0xaa55, 510)
  return sector
}

/** Boots something with each accelerator: a device node that opens proves nothing. @throws ForgeError E_LAB when neither boots */
export async function probeAccelerator(exec: Exec, workDir: string, wanted: readonly Accelerator[] = ['kvm', 'tcg']): Promise<AcceleratorProbe> {
  const image = join(workDir, 'probe.img')
  await writeFile(image, probeSector())
  if (wanted.includes('kvm') && await bootsIn(exec, image, 'kvm', 4_000) !== undefined) return { accelerator: 'kvm', speedFactor: 1 }
  const ms = await bootsIn(exec, image, 'tcg', 60_000)
  if (ms === undefined) throw new ForgeError('E_LAB', 'QEMU does not start a guest here, neither with KVM nor without', { hint: 'nat64-forge doctor' })
  return { accelerator: 'tcg', speedFactor: Math.round(Math.max(1, ms / referenceMs) * 100) / 100 }
}

/** Milliseconds until the probe has run; undefined when it did not. */
async function bootsIn(exec: Exec, image: string, accelerator: Accelerator, timeoutMs: number): Promise<number | undefined> {
  const started = performance.now()
  try {
    const { exitStatus: status } = await exec([
      'qemu-system-x86_64', '-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'q35', '-m', '64', ...cpuArgv(accelerator),
      '-drive', `if=floppy,format=raw,readonly=on,file=${image.replaceAll(',', ',,')}`, '-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-no-reboot',
    ], { timeoutMs, okStatus: Array.from({ length: 256 }, (_, code) => code), doing: `boot a probe with ${accelerator}`, tolerated: true })
    return status === exitStatus ? performance.now() - started : undefined
  } catch (error) {
    // Only "it does not boot" is an answer; a missing QEMU or an interrupt is not.
    if (error instanceof ForgeError && error.code === 'E_TIMEOUT') return undefined
    throw error
  }
}
