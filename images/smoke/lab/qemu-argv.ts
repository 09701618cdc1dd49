import type { Firmware, IsoMedium } from '../spec.ts'
import { topology, type GuestRole } from './topology.ts'

export type Accelerator = 'kvm' | 'tcg'

/** What the machine boots from. */
export type Medium =
  /** The ISO; `persistenceImage` is a file system labelled for live-boot, and keeps the router's configuration over a reboot. */
  | { iso: string; on: IsoMedium; persistenceImage: string }
  /** A disk that the router is installed on. */
  | { installedDisk: string }

export interface MachineOptions {
  accelerator: Accelerator
  firmware: Firmware
  medium: Medium
  memoryMiB: number
  cpus: number
  /** Which of the lab's routers it is: "router" where there is one. */
  role?: GuestRole
  /** Time goes by a nanosecond an instruction, for measuring; with TCG only, and one processor. */
  counting?: boolean
  /** A variable store for OVMF, of this guest alone; needed for UEFI. */
  uefiVariables?: string
}

/** Descriptors QEMU inherits: its machine protocol, the guest's serial console, the BIOS's debug port. */
const qemuFds = { qmp: 3, serial: 4, firmware: 5 } as const

export const ovmfCode = '/usr/share/OVMF/OVMF_CODE_4M.fd'
/** Keeps its variables from the guest's own hands by system management mode. */
export const ovmfSecureCode = '/usr/share/OVMF/OVMF_CODE_4M.secboot.fd'
export const ovmfVariables = '/usr/share/OVMF/OVMF_VARS_4M.fd'

/** The guest as a person would have it: a PC with a DVD drive or a USB stick, unless it boots from its disk, a disk and two network cards. Stopped until `cont`. */
export function qemuArgv({ accelerator, firmware, medium, memoryMiB, cpus, counting, uefiVariables, role = 'router' }: MachineOptions): [string, ...string[]] {
  const { v6, v4 } = role === 'router' ? topology : topology.standby
  const secure = firmware === 'uefi-secure'
  return [
    'qemu-system-x86_64', '-S', '-nodefaults', '-no-user-config', '-display', 'none',
    '-machine', `q35,usb=off,smm=${secure ? 'on' : 'off'}`, ...cpuArgv(accelerator, counting), '-smp', String(cpus), '-m', String(memoryMiB),
    ...(secure ? ['-global', 'driver=cfi.pflash01,property=secure,value=on'] : []),
    ...(firmware !== 'bios' ? [
      '-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${comma(secure ? ovmfSecureCode : ovmfCode)}`,
      '-drive', `if=pflash,unit=1,format=raw,file=${comma(uefiVariables ?? ovmfVariables)}`,
    ] : []),
    '-chardev', `socket,id=qmp,fd=${String(qemuFds.qmp)}`, '-mon', 'chardev=qmp,mode=control',
    '-chardev', `socket,id=serial,fd=${String(qemuFds.serial)}`, '-serial', 'chardev:serial',
    '-chardev', `socket,id=firmware,fd=${String(qemuFds.firmware)}`, '-device', 'isa-debugcon,iobase=0x402,chardev=firmware',
    '-object', 'rng-random,id=entropy,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=entropy',
    ...drives(medium),
    ...nic('v6', v6.tap, v6.mac),
    ...nic('v4', v4.tap, v4.mac),
  ]
}

function drives(medium: Medium): string[] {
  const disk = (path: string): string[] => ['-drive', `if=none,id=disk,format=raw,cache=unsafe,file=${comma(path)}`, '-device']
  if ('installedDisk' in medium) return [...disk(medium.installedDisk), 'virtio-blk-pci,drive=disk,bootindex=0']
  return [
    ...isoDrive[medium.on](comma(medium.iso)),
    ...disk(medium.persistenceImage), 'virtio-blk-pci,drive=disk',
  ]
}

const isoDrive: Readonly<Record<IsoMedium, (iso: string) => string[]>> = {
  cd: (iso) => ['-drive', `if=none,id=cd,media=cdrom,readonly=on,format=raw,file=${iso}`, '-device', 'ide-cd,drive=cd,bootindex=0'],
  // As with the switch against writing that some have: whatever the router does, the image stays as it is.
  usb: (iso) => ['-device', 'qemu-xhci,id=usb', '-drive', `if=none,id=stick,readonly=on,format=raw,file=${iso}`, '-device', 'usb-storage,bus=usb.0,drive=stick,removable=on,bootindex=0'],
}

/** No option ROM: nobody boots from the network here, and looking for a server costs seconds. */
function nic(id: string, tap: string, mac: string): string[] {
  return [
    '-netdev', `tap,id=${id},ifname=${tap},script=no,downscript=no,vhost=off`,
    '-device', `virtio-net-pci,netdev=${id},mac=${mac},romfile=`,
  ]
}

// What makes TCG slow is a page that held code and is then cleared: each store walks the list of the page's
// translations. That is what happens when the initramfs is freed and systemd is read into its pages. A small translation
// buffer is thrown away as a whole now and then, which is cheap; and a guest without erms and fsrm clears by 8 bytes
// a store instead of 1. Together: a second instead of half a minute.
export function cpuArgv(accelerator: Accelerator, counting = false): string[] {
  if (accelerator === 'kvm') return ['-accel', 'kvm', '-cpu', 'host']
  return ['-accel', `tcg,thread=${counting ? 'single' : 'multi'},tb-size=64`, ...counting ? ['-icount', 'shift=0'] : [], '-cpu', 'max,erms=off,fsrm=off']
}

/** A comma in a file name is doubled in QEMU's option lists. */
function comma(path: string): string {
  return path.replaceAll(',', ',,')
}
