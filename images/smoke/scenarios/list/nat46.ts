import { CheckSkipped, demand } from '../../checks/check.ts'
import { topology } from '../../lab/topology.ts'
import { TrafficFailed } from '../../lab/host-client.ts'
import { apply, demandSettled, must } from '../nat64ctl.ts'
import { hasNetworkd, networkdConfigures } from '../networkd.ts'
import { scenarios, type Scenario, type ScenarioContext } from '../scenario.ts'

const { far, v4, v6, pool4, port } = topology
const server = v6.host
const prefix = '2001:db8:46::/96'
/** The IPv4 host, as an IPv6 server sees it. */
const client = '2001:db8:46::c633:6402'
/** An IPv4 host that is nowhere but behind the PLAT. */
const beyond4 = '203.0.113.9'
const clatPrefix = '2001:db8:c1a7::/120'

/** From the IPv4 host, both protocols and ICMP; whom the server saw. */
async function reaches({ ipv4Host, scaled }: ScenarioContext, address: string, at: number, echo = true): Promise<string> {
  const { peer } = await ipv4Host.call('exchangeTcp', { host: address, port: at, upload: 200_000, download: 200_000, timeoutMs: scaled(20_000) })
  const { returned } = await ipv4Host.call('exchangeUdp', { host: address, port: at, count: 20, sizeBytes: 500, window: 5, timeoutMs: scaled(10_000) })
  demand(returned === 20, `${String(20 - returned)} of 20 datagrams did not come back`)
  if (echo) {
    const { status, stdout } = await ipv4Host.call('exec', { argv: ['ping', '-n', '-c', '3', '-i', '0.2', '-W', '3', address], timeoutMs: scaled(15_000) })
    demand(status === 0, `no echo from ${address}: ${stdout.slice(-200)}`)
  }
  return peer
}

function mode(name: 'inline' | 'isolated' | 'tayga'): string {
  return name === 'tayga' ? 'engine tayga' : `mode ${name}`
}

const stateless = (['inline', 'isolated', 'tayga'] as const).map((name): Scenario => ({
  id: `nat46-stateless-${name}`,
  title: `NAT46, stateless, ${name}: IPv4 clients reach an IPv6 server by an address of its own`,
  run: async (context) => {
    const { router, ipv6Host } = context
    if (name === 'tayga' && (await router.run('command -v tayga')).status !== 0) throw new CheckSkipped('no tayga here')
    await ipv6Host.call('serve', { host: server, port })
    const rule = 'nat46 destination rule 10'
    await apply(router, [`${rule} ${mode(name)}`, `${rule} destination address ${pool4}`, `${rule} translation address ${server}`, `${rule} source prefix ${prefix}`])
    const peer = await reaches(context, pool4, port)
    demand(peer === client, `the server saw ${peer}, not ${client}`)
    return `TCP, UDP and ICMP; the server sees ${peer}`
  },
}))

const stateful = (['inline', 'isolated'] as const).map((name): Scenario => ({
  id: `nat46-stateful-${name}`,
  title: `NAT46, stateful, ${name}: ports of one IPv4 address lead to ports of an IPv6 server, others nowhere`,
  run: async (context) => {
    const { router, ipv6Host, ipv4Host, scaled } = context
    await ipv6Host.call('serve', { host: server, port })
    const rule = 'nat46 destination rule 10'
    await apply(router, [`${rule} ${mode(name)}`, `${rule} destination address ${pool4}`, `${rule} destination port 8080`, `${rule} protocol tcp`, `${rule} protocol udp`, `${rule} translation address ${server}`, `${rule} translation port ${String(port)}`, `${rule} source prefix ${prefix}`])
    const peer = await reaches(context, pool4, 8080, false)
    demand(peer === client, `the server saw ${peer}, not ${client}`)
    const other = await ipv4Host.call('exchangeTcp', { host: pool4, port, upload: 1, download: 1, timeoutMs: scaled(3_000) }).then(() => false, (error: unknown) => error instanceof TrafficFailed && error.unanswered)
    demand(other, `port ${String(port)}, which no rule names, was answered`)
    return `port 8080 is the server's ${String(port)}; the server sees ${peer}; another port leads nowhere`
  },
}))

const clat = (['inline', 'isolated', 'tayga'] as const).map((name): Scenario => ({
  id: `clat-${name}`,
  title: `464XLAT's customer side, ${name}: an IPv4 host reaches what the PLAT stands for`,
  run: async (context) => {
    const { router, ipv6Host, transit } = context
    if (name === 'tayga' && (await router.run('command -v tayga')).status !== 0) throw new CheckSkipped('no tayga here')
    // TAYGA translates no documentation address under the well-known prefix.
    const plat = name === 'tayga' ? '2001:db8:64ff::' : '64:ff9b::'
    const beyond6 = `${plat}cb00:7109`
    // The IPv6 host plays the PLAT and what is behind it.
    await ipv6Host.must('ip', 'address', 'replace', `${beyond6}/128`, 'dev', 'eth0', 'nodad')
    await ipv6Host.call('serve', { host: beyond6, port })
    await transit.must('ip', 'route', 'replace', beyond4, 'via', v4.router)
    const routes = `ip -6 route replace ${plat}/96 via ${v6.host}; ip route replace ${far.host.replace(/\d+$/, '0')}/${String(far.prefixLength)} via ${v4.transit}`
    await must(router, routes)
    try {
      await apply(router, [`nat46 clat plat-prefix ${plat}/96`, `nat46 clat ipv4 address ${far.host}/32`, `nat46 clat ipv6 prefix ${name === 'tayga' ? clatPrefix.replace('::/120', '::2/128') : clatPrefix}`, `nat46 clat ${mode(name)}`])
      const peer = await reaches(context, beyond4, port)
      demand(peer.startsWith('2001:db8:c1a7::'), `the PLAT saw ${peer}`)
      if (!await hasNetworkd(context)) return `TCP, UDP and ICMP; the PLAT sees ${peer}`
      const taken = await networkdConfigures(context)
      // It takes routes through its interfaces that were put by hand, as these of this test.
      await must(router, routes)
      await reaches(context, beyond4, port)
      await demandSettled(router)
      return `TCP, UDP and ICMP; the PLAT sees ${peer}; the same after a restart of networkd (${taken})`
    } finally {
      await router.run(`ip -6 route delete ${plat}/96`)
      await transit.must('ip', 'route', 'delete', beyond4)
      await ipv6Host.must('ip', 'address', 'delete', `${beyond6}/128`, 'dev', 'eth0')
    }
  },
}))

export const nat46Scenarios = scenarios([...stateless, ...stateful, ...clat])
