import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Duplex } from 'node:stream'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import { HostClient } from './host-client.ts'
import type { GuestRole } from './topology.ts'

const agentFile = fileURLToPath(new URL('hosts/agent.mjs', import.meta.url))
const exitGraceMs = 5_000

/** One QEMU's wires, and the descriptors of the lab's init that are their other ends. */
export interface GuestWires {
  qmp: Duplex
  serial: Duplex
  firmware: Duplex
  fds: { qmp: number; serial: number; firmware: number }
}

/** The lab's processes. Descriptors 3–5 of its init are the router's wires, 6 and 7 the two hosts', 8–10 a second router's. */
export interface LabTree extends AsyncDisposable {
  /** The first process: the lab's init, and the IPv4 router between the guest and the IPv4 host. */
  transit: HostClient
  ipv6Host: HostClient
  ipv4Host: HostClient
  guests: Record<GuestRole, GuestWires>
}

/**
 * Starts the lab's process tree in namespaces of its own: network, processes, mounts, and users when not root.
 * Nothing has a name outside: no namespace file, no socket, no bridge. The kernel ends all of it when this process
 * dies, by the death signal of `unshare`, and by its init reading the end of its standard input.
 * The only long-lived processes that do not go through `exec` are started here.
 * @throws ForgeError E_LAB
 */
export async function startTree(): Promise<LabTree> {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const child = spawn('setpriv', [
    '--pdeathsig', 'KILL', '--', 'unshare', ...user, '--net', '--pid', '--mount', '--fork', '--kill-child', '--mount-proc', '--',
    process.execPath, agentFile,
  ], {
    // A session of its own: Ctrl-C in a terminal is for us alone, and we end the lab in order.
    detached: true,
    stdio: Array.from({ length: 11 }, () => 'pipe'),
    env: { PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/local/sbin:/usr/sbin:/sbin`, LC_ALL: 'C.UTF-8', TZ: 'UTC' },
  })
  let stderr = ''
  child.stderr.on('data', (data: Buffer) => { stderr = (stderr + data.toString()).slice(-4000) })
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => { resolve() })
    child.once('error', (error) => { stderr += error.message; resolve() })
  })
  const words = (): string => stderr.trim()
  const transit = new HostClient('transit', child.stdout, child.stdin, words)
  const ipv6Host = new HostClient('IPv6 host', wire(child, 6), wire(child, 6), words)
  const ipv4Host = new HostClient('IPv4 host', wire(child, 7), wire(child, 7), words)
  const end = async (): Promise<void> => {
    child.stdin.end()
    const late = setTimeout(() => { child.kill('SIGKILL') }, exitGraceMs)
    await closed
    clearTimeout(late)
  }
  try {
    await transit.call('hello', {})
    for (const fd of [6, 7]) await transit.call('start', { argv: ['unshare', '--net', '--', process.execPath, agentFile], wire: fd })
    await ipv6Host.call('hello', {})
    await ipv4Host.call('hello', {})
  } catch (cause) {
    await end()
    throw new ForgeError('E_LAB', 'the lab\'s namespaces could not be made on this host', {
      cause, details: words(), hint: 'run as root, or allow unprivileged user namespaces and access to /dev/net/tun',
    })
  }
  return { transit, ipv6Host, ipv4Host, guests: { router: guestWires(child, 3), standby: guestWires(child, 8) }, [Symbol.asyncDispose]: end }
}

function guestWires(child: ChildProcess, first: number): GuestWires {
  const fds = { qmp: first, serial: first + 1, firmware: first + 2 }
  return { qmp: wire(child, fds.qmp), serial: wire(child, fds.serial), firmware: wire(child, fds.firmware), fds }
}

function wire(child: ChildProcess, fd: number): Duplex {
  return child.stdio[fd] as unknown as Duplex
}
