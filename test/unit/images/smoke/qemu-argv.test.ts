import { expect, it } from 'vitest'
import { probeSector } from '../../../../images/smoke/lab/accelerator.ts'
import { qemuArgv } from '../../../../images/smoke/lab/qemu-argv.ts'
import { translated } from '../../../../images/smoke/lab/topology.ts'

const machine = { medium: { iso: '/store/a,b/router.iso', on: 'cd', persistenceImage: '/w/persistence.img' }, memoryMiB: 768, cpus: 2, uefiVariables: '/w/uefi.fd' } as const

it('QEMU\'s argv for a BIOS boot under TCG', () => {
  expect(qemuArgv({ ...machine, accelerator: 'tcg', firmware: 'bios' }).join('\n')).toMatchInlineSnapshot(`
    "qemu-system-x86_64
    -S
    -nodefaults
    -no-user-config
    -display
    none
    -machine
    q35,usb=off,smm=off
    -accel
    tcg,thread=multi,tb-size=64
    -cpu
    max,erms=off,fsrm=off
    -smp
    2
    -m
    768
    -chardev
    socket,id=qmp,fd=3
    -mon
    chardev=qmp,mode=control
    -chardev
    socket,id=serial,fd=4
    -serial
    chardev:serial
    -chardev
    socket,id=firmware,fd=5
    -device
    isa-debugcon,iobase=0x402,chardev=firmware
    -object
    rng-random,id=entropy,filename=/dev/urandom
    -device
    virtio-rng-pci,rng=entropy
    -drive
    if=none,id=cd,media=cdrom,readonly=on,format=raw,file=/store/a,,b/router.iso
    -device
    ide-cd,drive=cd,bootindex=0
    -drive
    if=none,id=disk,format=raw,cache=unsafe,file=/w/persistence.img
    -device
    virtio-blk-pci,drive=disk
    -netdev
    tap,id=v6,ifname=lab-v6,script=no,downscript=no,vhost=off
    -device
    virtio-net-pci,netdev=v6,mac=52:54:00:64:00:06,romfile=
    -netdev
    tap,id=v4,ifname=lab-v4,script=no,downscript=no,vhost=off
    -device
    virtio-net-pci,netdev=v4,mac=52:54:00:64:00:04,romfile="
  `)
})

it('UEFI adds the firmware and its variables, KVM the host\'s processor, and nothing else changes', () => {
  const bios = qemuArgv({ ...machine, accelerator: 'tcg', firmware: 'bios' })
  const uefi = qemuArgv({ ...machine, accelerator: 'kvm', firmware: 'uefi' })
  expect(uefi.filter((word) => !bios.includes(word))).toEqual([
    'kvm', 'host',
    'if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd',
    'if=pflash,unit=1,format=raw,file=/w/uefi.fd',
  ])
})

it('Secure Boot adds the firmware that has it, and the mode that keeps its variables from the guest', () => {
  const uefi = qemuArgv({ ...machine, accelerator: 'tcg', firmware: 'uefi' })
  const secure = qemuArgv({ ...machine, accelerator: 'tcg', firmware: 'uefi-secure' })
  expect(secure.filter((word) => !uefi.includes(word))).toEqual([
    'q35,usb=off,smm=on', '-global', 'driver=cfi.pflash01,property=secure,value=on', 'if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd',
  ])
})

it('the accelerator probe is one boot sector', () => {
  const sector = probeSector()
  expect(sector.length).toBe(512)
  expect(sector.subarray(0, 20).toString('hex')).toBe('fa66b900000008664975fcbaf400b010eef4ebfd')
  expect(sector.subarray(510).toString('hex')).toBe('55aa')
})

it('an IPv4 address has its place in pool6', () => {
  expect(translated('198.51.100.2')).toBe('64:ff9b::c633:6402')
  expect(translated('192.0.2.254')).toBe('64:ff9b::c000:2fe')
})

it('a machine that counts its instructions is the same but for its clock, and one thread', () => {
  const plain = qemuArgv({ ...machine, accelerator: 'tcg', firmware: 'bios' })
  const counting = qemuArgv({ ...machine, accelerator: 'tcg', firmware: 'bios', counting: true })
  expect(counting.filter((word) => !plain.includes(word))).toEqual(['tcg,thread=single,tb-size=64', '-icount', 'shift=0'])
  expect(plain.filter((word) => !counting.includes(word))).toEqual(['tcg,thread=multi,tb-size=64'])
})

it('an ISO on a USB stick is a disk that nobody writes to, and is what boots', () => {
  const disc = qemuArgv({ ...machine, accelerator: 'tcg', firmware: 'bios' })
  const stick = qemuArgv({ ...machine, medium: { ...machine.medium, on: 'usb' }, accelerator: 'tcg', firmware: 'bios' })
  expect(stick.filter((word) => !disc.includes(word))).toEqual(['qemu-xhci,id=usb', 'if=none,id=stick,readonly=on,format=raw,file=/store/a,,b/router.iso', 'usb-storage,bus=usb.0,drive=stick,removable=on,bootindex=0'])
  expect(disc.filter((word) => !stick.includes(word))).toEqual(['if=none,id=cd,media=cdrom,readonly=on,format=raw,file=/store/a,,b/router.iso', 'ide-cd,drive=cd,bootindex=0'])
})

it('a router that is installed on a disk boots from it, and has no other drive', () => {
  const fromIso = qemuArgv({ ...machine, accelerator: 'tcg', firmware: 'bios' })
  const installed = qemuArgv({ ...machine, medium: { installedDisk: '/w/a,b.img' }, accelerator: 'tcg', firmware: 'bios' })
  expect(installed.filter((word) => !fromIso.includes(word))).toEqual(['if=none,id=disk,format=raw,cache=unsafe,file=/w/a,,b.img', 'virtio-blk-pci,drive=disk,bootindex=0'])
  expect(fromIso.filter((word) => !installed.includes(word))).toEqual([
    'if=none,id=cd,media=cdrom,readonly=on,format=raw,file=/store/a,,b/router.iso', 'ide-cd,drive=cd,bootindex=0',
    'if=none,id=disk,format=raw,cache=unsafe,file=/w/persistence.img', 'virtio-blk-pci,drive=disk',
  ])
})
