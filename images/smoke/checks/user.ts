import type { HostClient } from '../lab/host-client.ts'
import { TrafficFailed } from '../lab/host-client.ts'
import { topology, translated } from '../lab/topology.ts'
import { expectedText, type RouterCheck, type TrafficCheck, type UserCheck } from '../spec.ts'
import { demand, type CheckContext } from './check.ts'

const defaultPort = 7001

export async function userCheck(check: UserCheck, context: CheckContext): Promise<string> {
  return await ('router' in check ? routerCheck(check, context) : trafficCheck(check, context))
}

async function routerCheck({ router, prints }: RouterCheck, { driver }: CheckContext): Promise<string> {
  const { status, output } = await driver.run(router)
  demand(expectedText(prints).test(output), `printed (exit status ${String(status)}): ${output.slice(0, 300) || 'nothing'}`)
  return `printed ${prints}`
}

/** Who sends to which address, and who answers at which. */
interface Route {
  from: HostClient
  destination: string
  answerer: HostClient
  listensOn: string
}

type Outcome =
  | { kind: 'arrived' }
  /** No answer in time, refused or unreachable: what a filter does. */
  | { kind: 'blocked'; why: string }
  /** Something came through, but not as it was sent; or it could not even be tried. */
  | { kind: 'broken'; why: string }

async function trafficCheck(check: TrafficCheck, context: CheckContext): Promise<string> {
  const port = check.port ?? defaultPort
  const sizeBytes = check.sizeBytes ?? 1000
  const route = await routeOf(check, context)
  const { answerer, listensOn: host } = route
  // Without an answerer a blocked packet and a lost one could not be told apart.
  const heard = async (): Promise<number> => check.protocol === 'icmp' ? 0 : (await answerer.call('heard', { host, port })).count
  if (check.protocol !== 'icmp') await answerer.call('serve', { host, port })
  const before = await heard()
  const outcome = await attempt(check.protocol, route, port, sizeBytes, context)
  const came = await heard() - before
  const what = `${String(sizeBytes)} bytes by ${check.protocol.toUpperCase()} from the ${check.from} to ${check.to}${check.protocol === 'icmp' ? '' : ` port ${String(port)}`}`
  return judge(check.expect, outcome, came, what)
}

/** @throws CheckFailed unless the outcome is the expected one; `came`: how much the answerer heard of it */
export function judge(expect: TrafficCheck['expect'], outcome: Outcome, came: number, what: string): string {
  if (expect === 'arrives') {
    demand(outcome.kind === 'arrived', `${what}: ${outcome.kind === 'arrived' ? '' : outcome.why}`)
    return `${what} arrived, and so did the answer`
  }
  demand(outcome.kind !== 'arrived', `${what} arrived`)
  demand(outcome.kind === 'blocked', `${what} was not blocked, it failed: ${outcome.why}`)
  demand(came === 0, `${what} arrived, only the answer did not (${outcome.why})`)
  return `${what} did not arrive (${outcome.why})`
}

async function routeOf({ from, to }: TrafficCheck, { ipv4Host, ipv6Host, transit }: CheckContext): Promise<Route> {
  const { far, v4, v6 } = topology
  if (from === 'ipv4-host') {
    if (to !== v4.router) await transit.must('ip', 'route', 'replace', `${to}/32`, 'via', v4.router)
    return { from: ipv4Host, destination: to, answerer: ipv6Host, listensOn: v6.host }
  }
  const address = to === 'ipv4-host' ? far.host : to
  // The IPv4 host answers for every address.
  if (address !== far.host) await ipv4Host.must('ip', 'addr', 'replace', `${address}/32`, 'dev', 'eth0')
  return { from: ipv6Host, destination: translated(address), answerer: ipv4Host, listensOn: address }
}

async function attempt(protocol: TrafficCheck['protocol'], { from, destination: host }: Route, port: number, sizeBytes: number, { scaled }: CheckContext): Promise<Outcome> {
  const timeoutMs = scaled(6_000 + sizeBytes / 2_000)
  switch (protocol) {
    case 'icmp': {
      const { status, stdout, stderr } = await from.call('exec', { argv: ['ping', '-n', '-c', '3', '-i', '0.2', '-W', '3', '-s', String(sizeBytes), host], timeoutMs })
      if (status === 0) return { kind: 'arrived' }
      // ping's status 1: sent, and no reply; anything else: not even that.
      return status === 1 ? { kind: 'blocked', why: 'no echo reply' } : { kind: 'broken', why: `ping: exit status ${String(status)}: ${(stderr || stdout).trim()}` }
    }
    case 'udp': {
      const { returned, sendError, refused } = await from.call('exchangeUdp', { host, port, count: 4, sizeBytes, window: 4, timeoutMs })
      if (returned > 0) return { kind: 'arrived' }
      return { kind: sendError === undefined || refused ? 'blocked' : 'broken', why: sendError ?? 'no datagram came back' }
    }
    case 'tcp':
      try {
        await from.call('exchangeTcp', { host, port, upload: sizeBytes, download: sizeBytes, timeoutMs })
        return { kind: 'arrived' }
      } catch (error) {
        if (!(error instanceof TrafficFailed)) throw error
        return { kind: error.unanswered ? 'blocked' : 'broken', why: error.message }
      }
    default:
      return protocol satisfies never
  }
}
