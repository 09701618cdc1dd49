import { BlockList } from 'node:net'
import { CheckSkipped, demand } from '../../checks/check.ts'
import { topology, translated } from '../../lab/topology.ts'
import { TrafficFailed, type HostClient } from '../../lab/host-client.ts'
import { apply, must } from '../nat64ctl.ts'
import { scenarios, type ScenarioContext } from '../scenario.ts'
import { datagrams, demandEchoed, echoed, farTarget, heard, tcp } from '../traffic.ts'

const { pool4, pool6, port, far, v4 } = topology
const device = 'nat64-100'
const rule = ['nat64 source rule 100 source prefix 64:ff9b::/96']
const pool = ['nat64 source rule 100 translation pool 1 address 203.0.113.64', 'nat64 source rule 100 translation pool 1 port 1024-65535']
const isolated = 'nat64 source rule 100 mode isolated'
/** A segment size that nobody chooses by himself. */
const clamped = 1111

/** Replaces the firewall of the scenarios: whole chains. */
async function firewall({ router }: ScenarioContext, ...chains: readonly string[]): Promise<void> {
  const text = ['table inet scenario {', '}', 'delete table inet scenario', 'table inet scenario {', ...chains, '}'].join('\\n')
  await must(router, `printf '${text}\\n' | nft -f -`)
}

function chain(hook: string, priority: number, rules: readonly string[]): string {
  return [`chain ${hook} { type filter hook ${hook} priority ${String(priority)}; policy accept;`, ...rules, '}'].join('\\n')
}

/** Packets counted by the rule with this comment. */
async function counted({ router }: ScenarioContext, comment: string): Promise<number> {
  const text = await must(router, 'nft list table inet scenario')
  const line = text.split('\n').find((one) => one.includes(`comment "${comment}"`)) ?? ''
  return Number(/counter packets (\d+)/.exec(line)?.[1] ?? Number.NaN)
}

async function demandCounted(context: ScenarioContext, comment: string, expected: number): Promise<void> {
  const got = await counted(context, comment)
  demand(got === expected, `the rule "${comment}" counted ${String(got)} packets, not ${String(expected)}`)
}

/** Nothing of what is sent arrives, and the rule counts all of it. */
async function demandDenied(context: ScenarioContext, comment: string, target = farTarget): Promise<void> {
  const before = await heard(context)
  const returned = await echoed(context, target)
  const arrived = await heard(context) - before
  demand(returned === 0 && arrived === 0, `"${comment}": ${String(arrived)} datagrams arrived and ${String(returned)} came back`)
  const got = await counted(context, comment)
  demand(got >= datagrams, `the rule "${comment}" counted ${String(got)} of ${String(datagrams)} datagrams`)
}

/** Of connections through the router, the first that a host sees by this filter of tcpdump has the segment size that the firewall sets. */
async function demandOffered(context: ScenarioContext, host: HostClient, filter: string, target: string): Promise<void> {
  const captured = host.call('exec', { argv: ['tcpdump', '-i', 'eth0', '-n', '-v', '-c', '1', '--immediate-mode', filter], timeoutMs: context.scaled(30_000) })
  // tcpdump says that it listens, and nobody else knows when it does: connections until it has seen one.
  let seen: string | undefined
  void captured.then(({ stdout }) => { seen = stdout })
  while (seen === undefined) await tcp(context, target)
  demand(seen.includes(`mss ${String(clamped)},`), `${host.name} was offered: ${/mss \d+/.exec(seen)?.[0] ?? 'nothing'}`)
}

/** A translator that is an interface of the router: where IPv6 hosts find the IPv4 host behind it, its prefix, and whose addresses the IPv4 host sees. */
interface Behind { target: string; prefix: string; addresses: string }

/** What a forward firewall is for, on both families, done to what passes through the translator's interface. @throws CheckFailed */
async function demandFirewalled(context: ScenarioContext, { target, prefix, addresses }: Behind): Promise<string> {
  const { router, devices, ipv4Host, ipv6Host, scaled } = context
  const from6 = `iifname "${devices.v6}" oifname "${device}" udp dport ${String(port)}`
  const to4 = `iifname "${device}" oifname "${devices.v4}" ip saddr ${addresses} udp dport ${String(port)}`
  await firewall(context, chain('forward', 0, [
    `${from6} ct state new,established counter comment "6 in"`, `${to4} counter comment "4 out"`,
    `iifname "${devices.v4}" oifname "${device}" udp sport ${String(port)} ct state established counter comment "4 in"`,
    `iifname "${device}" oifname "${devices.v6}" ip6 saddr ${prefix} udp sport ${String(port)} ct state established counter comment "6 out"`,
  ]))
  await demandEchoed(context, 'allowed', target)
  for (const comment of ['6 in', '4 out', '4 in', '6 out']) await demandCounted(context, comment, datagrams)
  const connections = await must(router, `grep dport=${String(port)} /proc/net/nf_conntrack`)
  const sources = [...connections.matchAll(/^ipv4 .* udp .*?src=(\S+) dst=(\S+) /gm)].filter(([, , to]) => to === far.host).map(([, from = '']) => from)
  demand(/^ipv6 .* udp /m.test(connections) && sources.some((from) => within(from, addresses)), `conntrack has: ${connections.slice(0, 300)}`)

  await firewall(context, chain('forward', 0, [`${from6} counter drop comment "6 denied"`]))
  await demandDenied(context, '6 denied', target)
  await firewall(context, chain('forward', 0, [`${from6} counter comment "6 in"`, `${to4} counter drop comment "4 denied"`]))
  await demandDenied(context, '4 denied', target)
  demand(await counted(context, '6 in') >= datagrams, 'what was dropped on the IPv4 side had not been counted on the IPv6 side')

  await firewall(context, chain('forward', -150, [`oifname "${devices.v4}" tcp flags syn tcp option maxseg size set ${String(clamped)}`]))
  await demandOffered(context, ipv4Host, `tcp[13] & 2 != 0 and dst port ${String(port)}`, target)
  // Of IPv6 tcpdump knows no tcp[]: next header TCP, and the flags behind 40 bytes of header.
  await firewall(context, chain('forward', -150, [`oifname "${devices.v6}" tcp flags syn tcp option maxseg size set ${String(clamped)}`]))
  await demandOffered(context, ipv6Host, `ip6[6] == 6 and ip6[53] & 2 != 0 and src port ${String(port)}`, target)

  await firewall(context, chain('forward', 0, [`${from6.replace('udp', 'tcp')} counter reject with tcp reset comment "6 rejected"`]))
  const refused = await ipv6Host.call('exchangeTcp', { host: target, port, upload: 1, download: 1, timeoutMs: scaled(10_000) }).then(() => false, (error: unknown) => error instanceof TrafficFailed && error.unanswered)
  demand(refused, 'a rejected connection was not refused')
  return `${String(datagrams)} datagrams counted on each side and in each direction; dropped on either side; both in conntrack; MSS set to ${String(clamped)} on either side; a reject refuses`
}

function within(address: string, addresses: string): boolean {
  const [network = '', length = '32'] = addresses.split('/')
  const list = new BlockList()
  list.addSubnet(network, Number(length))
  return list.check(address)
}

export const firewallScenarios = scenarios([
  {
    id: 'firewall-isolated',
    title: 'isolated: the forward firewall counts translated packets on both sides and in both directions, drops what it is told to, conntrack sees both',
    run: async (context) => {
      await apply(context.router, [...rule, ...pool, isolated])
      return await demandFirewalled(context, { target: farTarget, prefix: pool6, addresses: pool4 })
    },
  },
  {
    id: 'firewall-tayga',
    title: 'TAYGA: the forward firewall counts translated packets on both sides and in both directions, drops what it is told to, conntrack sees both',
    run: async (context) => {
      const { router, transit } = context
      if ((await router.run('command -v tayga')).status !== 0) throw new CheckSkipped('no tayga here')
      const [prefix, addresses] = ['2001:db8:64ff::/96', '203.0.113.64/30']
      // The addresses of the pool are routed to the router, as the provider of a real one would.
      await transit.must('ip', 'route', 'replace', addresses, 'via', v4.router)
      await apply(router, ['engine tayga', `source prefix ${prefix}`, `translation pool 1 address ${addresses}`].map((line) => `nat64 source rule 100 ${line}`))
      return await demandFirewalled(context, { target: translated(far.host, prefix), prefix, addresses })
    },
  },
  {
    id: 'firewall-isolated-masquerade',
    title: 'isolated: NAT44 behind the translator, with `masquerade` and no pool of its own',
    run: async (context) => {
      await apply(context.router, [...rule, isolated, 'nat64 source rule 100 masquerade'])
      const peer = await tcp(context)
      demand(peer === v4.router, `the IPv4 host saw ${peer}, not ${v4.router}`)
      await demandEchoed(context, 'behind masquerade')
      const connections = await must(context.router, `grep dport=${String(port)} /proc/net/nf_conntrack`)
      demand(/src=198\.19\.\d+\.\d+ .* dst=192\.0\.2\.1 /.test(connections), `conntrack has: ${connections.slice(0, 300)}`)
      return `the IPv4 host sees ${peer}`
    },
  },
  {
    id: 'firewall-inline',
    title: 'inline: the forward firewall sees nothing of what is translated, as documented; rules before and after translation count and drop it',
    run: async (context) => {
      const { router, devices } = context
      await apply(router, [...rule, ...pool])
      const from6 = `iifname "${devices.v6}" ip6 daddr ${pool6} udp dport ${String(port)}`
      const from4 = `iifname "${devices.v4}" ip daddr ${pool4} udp sport ${String(port)}`
      await firewall(context, chain('forward', 0, [`udp dport ${String(port)} counter drop comment "forward"`, `udp sport ${String(port)} counter drop comment "forward back"`]),
        chain('prerouting', -300, [`${from6} counter comment "6 in"`, `${from4} counter comment "4 in"`]),
        chain('postrouting', 300, [`oifname "${devices.v4}" ip saddr ${pool4} udp dport ${String(port)} counter comment "4 out"`, `oifname "${devices.v6}" ip6 saddr ${pool6} udp sport ${String(port)} counter comment "6 out"`]))
      await demandEchoed(context, 'allowed')
      for (const comment of ['forward', 'forward back']) await demandCounted(context, comment, 0)
      for (const comment of ['6 in', '4 out', '4 in', '6 out']) await demandCounted(context, comment, datagrams)
      await firewall(context, chain('prerouting', -300, [`${from6} counter drop comment "6 denied"`]))
      await demandDenied(context, '6 denied')
      await firewall(context, chain('prerouting', -300, [`${from4} counter drop comment "4 denied"`]))
      demand(await echoed(context) === 0, 'answers came through that a rule drops')
      demand(await counted(context, '4 denied') >= datagrams, 'the rule "4 denied" did not count what it dropped')
      return 'forward: 0 packets; prerouting and postrouting: all; a drop in prerouting drops on either side'
    },
  },
])
