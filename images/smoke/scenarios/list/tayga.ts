import { CheckSkipped, demand } from '../../checks/check.ts'
import { topology } from '../../lab/topology.ts'
import { configure, json, must } from '../nat64ctl.ts'
import { scenarios, type ScenarioContext } from '../scenario.ts'
import { awaitPing } from '../traffic.ts'

const { port, v4, v6 } = topology
const pool = '203.0.113.64/30'

async function start(context: ScenarioContext, ...more: readonly string[]): Promise<void> {
  const { router } = context
  if ((await router.run('command -v tayga')).status !== 0) throw new CheckSkipped('no tayga here')
  await configure(router, ['nat64 source rule 100 engine tayga', 'nat64 source rule 100 source prefix 2001:db8:64ff::/96', ...more])
  await must(router, 'systemctl restart nat64', 240_000)
}

/** The IPv4 host, under a prefix of the network's own: TAYGA translates no documentation address under the well-known one. */
const target = '2001:db8:64ff::c633:6402'

interface Map { type: string; inside: { address: string }; outside: { address: string } }

async function dynamicMaps({ router }: ScenarioContext): Promise<string[]> {
  const rows = await json(router, 'nat64ctl show translations --json') as Map[]
  return rows.filter(({ type }) => type === 'map').map(({ inside, outside }) => `${inside.address} ${outside.address}`)
}

export const taygaScenarios = scenarios([
  {
    id: 'tayga-masquerade',
    title: 'TAYGA with source NAT behind it: many clients behind the router\'s address, and the firewall sees both sides',
    run: async (context) => {
      const { router, ipv6Host, devices, scaled } = context
      await start(context, 'nat64 source rule 100 masquerade')
      await must(router, `printf 'table inet scenario {\\nchain forward { type filter hook forward priority 0; policy accept;\\niifname "${devices.v6}" oifname "nat64-100" udp dport ${String(port)} counter comment "6"\\niifname "nat64-100" oifname "${devices.v4}" udp dport ${String(port)} counter comment "4"\\n}\\n}\\n' | nft -f -`)
      const { returned, sent } = await ipv6Host.call('exchangeUdp', { host: target, port, count: 20, sizeBytes: 100, window: 5, timeoutMs: scaled(10_000) })
      demand(returned === sent, `${String(sent - returned)} of ${String(sent)} datagrams did not come back`)
      const counters = (await must(router, 'nft list table inet scenario')).match(/counter packets \d+/g) ?? []
      demand(counters.join() === 'counter packets 20,counter packets 20', `the firewall counted: ${counters.join(', ')}`)
      const { peer } = await ipv6Host.call('exchangeTcp', { host: target, port, upload: 100_000, download: 100_000, timeoutMs: scaled(15_000) })
      demand(peer === v4.router, `the IPv4 host saw ${peer}`)
      return `the IPv4 host sees ${peer}; the forward firewall counted 20 datagrams on each side`
    },
  },
  {
    id: 'tayga-persistent',
    title: 'TAYGA with `persistent`: a client has the same IPv4 address after a reboot, without having sent anything first',
    run: async (context) => {
      const { router, ipv6Host, transit, scaled, reboot } = context
      // The addresses of the pool are routed to the router, as the provider of a real one would.
      await transit.must('ip', 'route', 'replace', pool, 'via', v4.router)
      await start(context, 'nat64 source rule 100 translation pool 1 address 203.0.113.64/30', 'nat64 source rule 100 persistent')
      await must(router, 'systemctl enable nat64 jool 2>&1; systemctl disable jool 2>&1; sync')
      const exchange = async (from: string): Promise<string> => {
        await ipv6Host.must('ip', 'address', 'replace', `${from}/64`, 'dev', 'eth0', 'nodad')
        const { status, stdout } = await ipv6Host.call('exec', { argv: ['ping', '-6', '-n', '-c', '2', '-i', '0.2', '-W', '3', '-I', from, target], timeoutMs: scaled(15_000) })
        demand(status === 0, `${from} has no answer: ${stdout.slice(-200)}`)
        return stdout
      }
      const clients = ['2001:db8:64::21', '2001:db8:64::22']
      for (const client of clients) await exchange(client)
      // It writes its maps within a minute (0.9.2: 45 seconds).
      let maps: string[] = []
      for (const until = performance.now() + scaled(90_000); maps.length < clients.length && performance.now() < until;) maps = await dynamicMaps(context)
      demand(maps.length === clients.length, `recorded maps: ${maps.join(', ') || 'none'}`)
      await must(router, 'sync')
      await reboot()
      await awaitPing(ipv6Host, v6.router, scaled(60_000))
      await must(router, 'systemctl is-active nat64 nat64-tayga@nat64-100')
      const kept = await dynamicMaps(context)
      demand([...kept].sort().join() === [...maps].sort().join(), `before the reboot ${maps.join(', ')}, after it ${kept.join(', ') || 'none'}`)
      // The other way round: what the last client had still leads to it, and nobody has asked for it since.
      const [last = '', address = ''] = (kept.find((row) => row.startsWith(clients[1] ?? '')) ?? '').split(' ')
      const { status } = await context.ipv4Host.call('exec', { argv: ['ping', '-n', '-c', '2', '-W', '3', address], timeoutMs: scaled(15_000) })
      demand(status === 0, `${address}, which is ${last}'s, has no answer after the reboot`)
      for (const client of clients) await exchange(client)
      return `${kept.join(', ')}: the same after the reboot`
    },
  },
])

