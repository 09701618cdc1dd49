import { topology, translated } from '../lab/topology.ts'
import { demand, type Check, type CheckContext } from './check.ts'

const target = translated(topology.far.host)
const { port } = topology
const mebibyte = 1 << 20

/** Pings until the first answer: the router's addresses and its neighbours' come up while it is configured. */
export async function awaitTranslation({ ipv6Host, timeline, scaled }: CheckContext): Promise<void> {
  const deadline = performance.now() + scaled(60_000)
  const answers = async (address: string): Promise<void> => {
    for (;;) {
      const { status, stdout } = await ipv6Host.call('exec', { argv: ['ping', '-6', '-n', '-c', '1', '-W', '1', address], timeoutMs: 10_000 })
      if (status === 0) return
      demand(performance.now() < deadline, `no answer from ${address}: ${stdout.trim().split('\n').at(-2) ?? ''}`)
    }
  }
  await answers(topology.v6.router)
  timeline.record({ kind: 'network' })
  await answers(target)
  timeline.record({ kind: 'first-translated-packet' })
}

export const icmp: Check = async (context) => {
  await awaitTranslation(context)
  const { status, stdout } = await context.ipv6Host.call('exec', {
    argv: ['ping', '-6', '-n', '-c', '10', '-i', '0.05', '-W', String(Math.ceil(context.scaled(5_000) / 1000)), target], timeoutMs: context.scaled(30_000),
  })
  const line = stdout.split('\n').find((text) => text.includes('packets transmitted')) ?? ''
  demand(status === 0 && line.includes(' 0% packet loss'), line === '' ? 'ping gave no figures' : line)
  const times = /= ([\d.]+)\/([\d.]+)\/([\d.]+)/.exec(stdout)
  return `10 of 10 echo replies from ${target}, ${times?.[2] ?? '?'} ms on average`
}

export const tcpSmall: Check = async ({ ipv6Host, scaled }) => {
  const { peer, ms } = await ipv6Host.call('exchangeTcp', { host: target, port, upload: 1000, download: 1000, timeoutMs: scaled(15_000) })
  demand(peer === topology.pool4, `the IPv4 host saw ${peer}, not ${topology.pool4}`)
  return `1000 bytes each way in ${ms.toFixed(0)} ms; the IPv4 host sees ${peer}`
}

export const tcpBulk: Check = async ({ ipv6Host, scaled }) => {
  const bytes = 32 * mebibyte
  const up = await ipv6Host.call('exchangeTcp', { host: target, port, upload: bytes, download: 0, timeoutMs: scaled(60_000) })
  const down = await ipv6Host.call('exchangeTcp', { host: target, port, upload: 0, download: bytes, timeoutMs: scaled(60_000) })
  return `32 MiB up at ${rate(bytes, up.ms)}, 32 MiB down at ${rate(bytes, down.ms)}; SHA-256 equal`
}

export const udpSmall: Check = async ({ ipv6Host, scaled }) => {
  const count = 50
  const { returned, sendError } = await ipv6Host.call('exchangeUdp', { host: target, port, count, sizeBytes: 100, window: 10, timeoutMs: scaled(15_000) })
  demand(returned === count, `${String(count - returned)} of ${String(count)} lost${sendError === undefined ? '' : ` (${sendError})`}`)
  return `${String(count)} datagrams echoed, none lost`
}

export const udpBulk: Check = async ({ ipv6Host, scaled }) => {
  const sizeBytes = 1300
  const count = Math.ceil(20 * mebibyte / sizeBytes)
  const { returned, ms, sendError } = await ipv6Host.call('exchangeUdp', { host: target, port, count, sizeBytes, window: 32, timeoutMs: scaled(60_000) })
  demand(returned === count, `${String(count - returned)} of ${String(count)} datagrams lost${sendError === undefined ? '' : ` (${sendError})`}`)
  return `20 MiB there and back in ${String(count)} datagrams at ${rate(count * sizeBytes, ms)} each way, none lost`
}

/**
 * The IPv4 network drops what is larger than its MTU and says so; Jool translates that to Packet Too Big, with the
 * 20 bytes by which the headers differ added; the IPv6 host must act on it.
 */
export const pathMtu: Check = async ({ ipv6Host, scaled }) => {
  const { far, v6 } = topology
  const want = far.mtu + 20
  await ipv6Host.call('exec', { argv: ['ping', '-6', '-n', '-c', '3', '-i', '0.2', '-W', '1', '-M', 'do', '-s', String(v6.mtu - 48), target], timeoutMs: scaled(15_000) })
  const route = await ipv6Host.must('ip', '-6', 'route', 'get', target)
  const learned = Number(/\bmtu (\d+)/.exec(route)?.[1] ?? Number.NaN)
  demand(learned === want, `the IPv6 host ${Number.isNaN(learned) ? 'learnt no path MTU' : `learnt ${String(learned)}`}, expected ${String(want)}`)
  const fits = await ipv6Host.call('exec', { argv: ['ping', '-6', '-n', '-c', '2', '-i', '0.2', '-W', '3', '-M', 'do', '-s', String(want - 48), target], timeoutMs: scaled(15_000) })
  demand(fits.status === 0, `packets of exactly ${String(want)} bytes do not arrive`)
  return `Packet Too Big with MTU ${String(want)} learnt; packets of ${String(want)} bytes arrive`
}

/** The other way: the IPv6 side shrinks, so that Jool itself must tell the IPv4 host. */
export const pathMtuV4: Check = async ({ driver, ipv6Host, ipv4Host, scaled }) => {
  const { v6, pool4 } = topology
  const smaller = 1320
  const device = `$(ip -o link | awk -F': ' '/${v6.mac}/{print $2}')`
  try {
    const set = await driver.run(`ip link set dev ${device} mtu ${String(smaller)}`)
    demand(set.status === 0, `the router's MTU could not be changed: ${set.output}`)
    const bytes = mebibyte
    const { ms } = await ipv6Host.call('exchangeTcp', { host: target, port, upload: 0, download: bytes, timeoutMs: scaled(30_000) })
    const route = await ipv4Host.must('ip', 'route', 'get', pool4)
    const learned = Number(/\bmtu (\d+)/.exec(route)?.[1] ?? Number.NaN)
    demand(learned === smaller - 20, `the IPv4 host ${Number.isNaN(learned) ? 'learnt no path MTU' : `learnt ${String(learned)}`}, expected ${String(smaller - 20)}`)
    return `Fragmentation Needed with MTU ${String(learned)} learnt; 1 MiB arrived in ${ms.toFixed(0)} ms`
  } finally {
    await driver.run(`ip link set dev ${device} mtu ${String(v6.mtu)}`)
    await ipv4Host.must('ip', 'route', 'flush', 'cache')
  }
}

export const fragments: Check = async ({ ipv6Host, scaled }) => {
  const sizes = [2000, 4000, 8000]
  for (const sizeBytes of sizes) {
    const { returned } = await ipv6Host.call('exchangeUdp', { host: target, port, count: 4, sizeBytes, window: 1, timeoutMs: scaled(12_000) })
    demand(returned === 4, `${String(4 - returned)} of 4 datagrams of ${String(sizeBytes)} bytes did not come back`)
  }
  const { status } = await ipv6Host.call('exec', { argv: ['ping', '-6', '-n', '-c', '2', '-i', '0.2', '-W', '3', '-s', '3000', target], timeoutMs: scaled(15_000) })
  demand(status === 0, 'an echo request of 3000 bytes is not answered')
  return `datagrams of ${sizes.join(', ')} bytes and echo requests of 3000 there and back`
}

export const traceroute: Check = async ({ ipv6Host, scaled }) => {
  const { status, stdout } = await ipv6Host.call('exec', {
    argv: ['traceroute', '-6', '-n', '-q', '3', '-w', '3', '-m', '6', target], timeoutMs: scaled(45_000),
  })
  // A hop may answer the later of its probes only: ICMP errors are rate-limited.
  const hops = stdout.split('\n').flatMap((line) => /^ *\d+ +(?:\* +)*([0-9a-f]*:[0-9a-f:]+) /.exec(line)?.[1] ?? [])
  const want = [topology.v6.router, translated(topology.v4.transit), target]
  demand(status === 0 && hops.join(' ') === want.join(' '), `hops: ${hops.join(', ') || stdout.trim()}; expected ${want.join(', ')}`)
  return hops.join(' → ')
}

const connections = 600

/** Opens the connections; the session check looks at them while they are open, then they are used once more. */
export async function openConnections({ ipv6Host, scaled }: CheckContext): Promise<{ opened: number; detail: string }> {
  const { opened, distinctPeers, failed, ms } = await ipv6Host.call('openMany', { host: target, port, count: connections, sizeBytes: 2000, timeoutMs: scaled(40_000) })
  demand(opened === connections, `${String(connections - opened)} of ${String(connections)} failed: ${failed.join(', ')}`)
  demand(distinctPeers === connections, `${String(connections)} connections share ${String(distinctPeers)} translated ports`)
  return { opened, detail: `${String(connections)} open at once in ${(ms / 1000).toFixed(1)} s, each on a port of its own` }
}

export async function closeConnections({ ipv6Host, scaled }: CheckContext): Promise<void> {
  const { alive, failed } = await ipv6Host.call('closeMany', { sizeBytes: 2000, timeoutMs: scaled(40_000) })
  demand(alive === connections, `${String(connections - alive)} of ${String(connections)} did not live on: ${failed.join(', ')}`)
}

function rate(bytes: number, ms: number): string {
  return `${(bytes * 8 / ms / 1000).toFixed(0)} Mbit/s`
}
