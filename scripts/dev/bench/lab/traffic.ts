import { fileURLToPath } from 'node:url'
import { topology } from '../../../../images/smoke/lab/topology.ts'
import type { LabTree } from '../../../../images/smoke/lab/tree.ts'
import { ForgeError } from '../../../lib/errors.ts'

const loadFile = fileURLToPath(new URL('load.py', import.meta.url))
const warmSeconds = 1
const port = 7001

/** Where the traffic goes: the address that the IPv6 host writes, and whose it is on the other side of the router. */
export interface Path {
  to: string
  at: string
}

/** Small datagrams a second from the IPv6 host to transit. `idle`: how often nothing was under way, from 0 to 1. @throws ForgeError E_LAB when nothing arrives */
export async function udpRate(tree: LabTree, path: Path, seconds: number): Promise<{ kpps: number; lost: number; idle: number }> {
  const { packets, seconds: took, lost, idle } = await load<{ packets: number; seconds: number; lost: number; idle: number }>(tree, 'udp', path, seconds)
  if (packets === 0) throw new ForgeError('E_LAB', `no datagram to ${path.to} arrived`)
  return { kpps: packets / took / 1000, lost, idle }
}

/** Of one connection of the IPv6 host to transit, on which transit sends. @throws ForgeError E_LAB */
export async function tcpRate(tree: LabTree, path: Path, seconds: number): Promise<{ mbitPerSecond: number }> {
  const { bytes, seconds: took } = await load<{ bytes: number; seconds: number }>(tree, 'tcp', path, seconds)
  return { mbitPerSecond: bytes * 8 / took / 1e6 }
}

async function load<T>({ transit, ipv6Host }: LabTree, kind: 'udp' | 'tcp', path: Path, seconds: number): Promise<T> {
  const { pid } = await ipv6Host.call('hello', {})
  const job = { kind, from: `/proc/${String(pid)}/ns/net`, ...path, port, warm: warmSeconds, seconds }
  const { status, stdout, stderr } = await transit.call('exec', { argv: ['/usr/bin/python3', '-I', loadFile, JSON.stringify(job)], timeoutMs: 60_000 })
  if (status !== 0) throw new ForgeError('E_LAB', `${kind} to ${path.to}: exit status ${String(status)}`, { details: stderr.trim() })
  return JSON.parse(stdout) as T
}

/** Gives transit IPv6 on the wire to the router, which the lab's IPv4 side does not have, for packets that are not translated. */
export async function ipv6BehindTheRouter({ transit }: LabTree, router: (command: string) => Promise<unknown>): Promise<Path> {
  const device = topology.v4.tap
  await transit.call('write', { files: { [`/proc/sys/net/ipv6/conf/${device}/disable_ipv6`]: '0' } })
  await transit.must('ip', 'address', 'add', '2001:db8:46::2/64', 'dev', device, 'nodad')
  await transit.must('ip', 'route', 'add', '2001:db8:64::/64', 'via', '2001:db8:46::1')
  await router(`ip address add 2001:db8:46::1/64 nodad dev $(ip -o -4 address show to ${topology.v4.router} | awk '{print $2}')`)
  return { to: '2001:db8:46::2', at: '2001:db8:46::2' }
}
