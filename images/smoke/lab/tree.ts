import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Duplex } from 'node:stream'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import { HostClient } from './host-client.ts'

const agentFile = fileURLToPath(new URL('hosts/agent.mjs', import.meta.url))
const exitGraceMs = 5_000

/** The lab's processes. Descriptors 3–5 of its init are QEMU's wires, 6 and 7 the two hosts'. */
export interface LabTree extends AsyncDisposable {
  /** The first process: the lab's init, and the IPv4 router between the guest and the IPv4 host. */
  transit: HostClient
  ipv6Host: HostClient
  ipv4Host: HostClient
  qmp: Duplex
  serial: Duplex
  firmware: Duplex
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
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
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
  return { transit, ipv6Host, ipv4Host, qmp: wire(child, 3), serial: wire(child, 4), firmware: wire(child, 5), [Symbol.asyncDispose]: end }
}

function wire(child: ChildProcess, fd: number): Duplex {
  return child.stdio[fd] as unknown as Duplex
}
