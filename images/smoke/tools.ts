import type { HostTool } from '../../scripts/lib/host-tools.ts'
import { inspectTools } from '../inspect/artifact.ts'
import { ovmfCode, ovmfSecureCode } from './lab/qemu-argv.ts'

/** Host programs the lab calls. */
export const smokeTools: readonly HostTool[] = [
  // It is looked into for whether it is VyOS.
  ...inspectTools,
  { command: 'qemu-system-x86_64', package: 'qemu-system-x86', why: 'boots the ISO' },
  { command: ovmfCode, package: 'ovmf', why: 'UEFI firmware for the guest' },
  { command: ovmfSecureCode, package: 'ovmf', why: 'UEFI firmware with Secure Boot for the guest' },
  { command: 'ip', package: 'iproute2', why: 'the lab\'s network' },
  { command: 'unshare', package: 'util-linux', why: 'the lab\'s namespaces' },
  { command: 'mke2fs', package: 'e2fsprogs', why: 'the router\'s disk' },
  { command: 'ping', package: 'iputils-ping', why: 'echo requests in the lab' },
  { command: 'traceroute', package: 'traceroute', why: 'the path through the router' },
  { command: '/usr/bin/python3', package: 'python3', why: 'crafted packets in the lab' },
  { command: 'tcpdump', package: 'tcpdump', why: 'captures kept as evidence' },
]
