import { describe, expect, it } from 'vitest'
import { eventsIn, isFatal, plainText, type ConsoleEvent } from '../../../../images/smoke/lab/console-events.ts'

describe('a line of the console', () => {
  const lines: [string, ConsoleEvent][] = [
    ['BdsDxe: loading Boot0001 "UEFI QEMU DVD-ROM QM00003 " from PciRoot(0x0)/Pci(0x1F,0x2)', { kind: 'firmware', name: 'OVMF' }],
    ['ISOLINUX 6.04 20200816 ETCD Copyright (C) 1994-2015 H. Peter Anvin et al', { kind: 'boot-loader', name: 'ISOLINUX' }],
    ['                             GNU GRUB  version 2.06', { kind: 'boot-loader', name: 'GRUB' }],
    ['Welcome to GRUB!', { kind: 'boot-loader', name: 'GRUB' }],
    ['[    0.000000] Linux version 6.1.0-56-amd64 (debian-kernel@lists.debian.org) (gcc-12)', { kind: 'kernel', release: '6.1.0-56-amd64' }],
    ['Loading, please wait...', { kind: 'initramfs' }],
    ['[    9.1] systemd[1]: systemd 252.39-1~deb12u2 running in system mode (+PAM)', { kind: 'init', name: 'systemd' }],
    ['Welcome to Debian GNU/Linux 12 (bookworm)!', { kind: 'init', name: 'systemd' }],
    ['router login: ', { kind: 'login', host: 'router' }],
    ['[  200.2] reboot: Restarting system', { kind: 'shutdown' }],
  ]
  it.each(lines)('%j is told as an event', (line, event) => {
    expect(eventsIn(line)).toEqual([event])
  })

  const failures: [string, string, boolean][] = [
    ['[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)', 'kernel panic', true],
    ['[   12.3] Oops: 0000 [#1] PREEMPT SMP NOPTI', 'kernel oops', true],
    ['[   12.3] invalid opcode: 0000 [#1] PREEMPT SMP NOPTI', 'kernel oops', true],
    ['Oops: int3: 0000 [#1] SMP NOPTI', 'kernel oops', true],
    ['[   12.3] BUG: kernel NULL pointer dereference, address: 0000000000000010', 'kernel bug', true],
    ['[   12.3] WARNING: CPU: 1 PID: 77 at net/core/skbuff.c:5531 skb_try_coalesce+0x3a/0x3d0', 'kernel warning', false],
    ['[  243.1] INFO: task jool:812 blocked for more than 120 seconds.', 'hung task', false],
    ['[   50.0] Out of memory: Killed process 400 (node)', 'out of memory', false],
    ['[FAILED] Failed to start Stateful NAT64.', 'failed unit', false],
    ['No bootable device.', 'no boot device', true],
    ['error: bad shim signature.', 'refused by Secure Boot', true],
    ['BdsDxe: failed to load Boot0001 "UEFI QEMU DVD-ROM QM00011 " from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x5,0xFFFF,0x0): Access Denied', 'refused by Secure Boot', true],
    ['Unable to find a medium containing a live file system', 'no root file system', true],
    ['You are in emergency mode. After logging in, type "journalctl -xb"', 'emergency mode', true],
  ]
  it.each(failures)('%j is a failure: %s', (line, what, fatal) => {
    const failure = eventsIn(line).find((event) => event.kind === 'failure')
    expect(failure).toEqual({ kind: 'failure', what, line })
    expect(failure && isFatal(failure.what)).toBe(fatal)
  })

  it.each([
    '[    4.1] Warning: unable to open an initial console.',
    '[   31.0] jool: loading out-of-tree module taints kernel.',
    '[  OK  ] Started systemd-networkd.service - Network Configuration.',
    'Last login: Mon Nov 23 14:57:00 UTC 2026 on ttyS0',
    'Debugging information: BUGS are reported upstream',
  ])('%j tells nothing', (line) => {
    expect(eventsIn(line)).toEqual([])
  })
})

it('plain text has no colours, cursor movements, titles or carriage returns', () => {
  expect(plainText('\x1b[0;1;31m[FAILED]\x1b[0m x\r\n\x1b]0;title\x07a\x1b[?2004hb\x1b(Bc\x1bc\x08d')).toBe('[FAILED] x\nabcd')
})
