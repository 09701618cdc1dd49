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

async function trafficCheck(check: TrafficCheck, context: CheckContext): Promise<string> {
  const { ipv4Host, ipv6Host } = context
  const address = check.to === 'ipv4-host' ? topology.far.host : check.to
  const port = check.port ?? defaultPort
  const sizeBytes = check.sizeBytes ?? 1000
  // The IPv4 host answers for every address. Without an answerer a blocked packet and a lost one could not be told apart.
  await ipv4Host.call('exec', { argv: ['ip', 'addr', 'replace', `${address}/${address === topology.far.host ? String(topology.far.prefixLength) : '32'}`, 'dev', 'eth0'] })
  if (check.protocol !== 'icmp') {
    await ipv4Host.call('serve', { host: address, port }).catch((error: unknown) => {
      if (!String(error).includes('EADDRINUSE')) throw error
    })
  }
  const failure = await attempt(check.protocol, translated(address), port, sizeBytes, context, ipv6Host)
  const what = `${String(sizeBytes)} bytes by ${check.protocol.toUpperCase()} to ${address}${check.protocol === 'icmp' ? '' : ` port ${String(port)}`}`
  if (check.expect === 'arrives') demand(failure === undefined, `${what}: ${failure ?? ''}`)
  else demand(failure !== undefined, `${what} arrived`)
  return failure === undefined ? `${what} arrived, and so did the answer` : `${what} did not arrive (${failure})`
}

/** Undefined when there and back, else why not. */
async function attempt(
  protocol: TrafficCheck['protocol'], host: string, port: number, sizeBytes: number, { scaled }: CheckContext, from: CheckContext['ipv6Host'],
): Promise<string | undefined> {
  const timeoutMs = scaled(6_000 + sizeBytes / 2_000)
  switch (protocol) {
    case 'icmp': {
      const { status } = await from.call('exec', { argv: ['ping', '-6', '-n', '-c', '3', '-i', '0.2', '-W', '3', '-s', String(sizeBytes), host], timeoutMs })
      return status === 0 ? undefined : 'no echo reply'
    }
    case 'udp': {
      const { returned, sendError } = await from.call('exchangeUdp', { host, port, count: 4, sizeBytes, window: 4, timeoutMs })
      return returned > 0 ? undefined : sendError ?? 'no datagram came back'
    }
    case 'tcp':
      return await from.call('exchangeTcp', { host, port, upload: sizeBytes, download: sizeBytes, timeoutMs })
        .then(() => undefined, (error: unknown) => error instanceof Error ? error.message : String(error))
    default:
      return protocol satisfies never
  }
}
