import type { RouterDriver } from '../../drivers/router-driver.ts'
import { topology } from '../../lab/topology.ts'
import type { Mode, TranslatorConfig, TranslatorSetup } from '../translator.ts'
import { joolCommands, joolInstance, joolTool } from './jool-commands.ts'
import { sessionExpiry } from './jool-sessions.ts'
import { mustAll } from './router-commands.ts'

/** A translator's own network namespace, and the two ends of the pair that leads there: outside, inside. */
interface Isle {
  namespace: string
  devices: readonly [string, string]
  v4: readonly [string, string]
  v6: readonly [string, string]
}
const inside: Isle = { namespace: 'table', devices: ['table-out', 'table-in'], v4: ['192.0.0.1', '192.0.0.2'], v6: ['2001:db8:6400::1', '2001:db8:6400::2'] }
const customer: Isle = { namespace: 'clat', devices: ['clat-out', 'clat-in'], v4: ['192.0.0.5', '192.0.0.6'], v6: ['2001:db8:6401::1', '2001:db8:6401::2'] }
/** Larger than any link beside it: what is too long is the routers' to say, who are before and behind. */
const insideMtu = 9216
/** A routing table that leads nowhere. */
const strayTable = '6465'
/** The routing table of what IPv4 hosts behind the customer's side send. */
const customerTable = '6464'

/** Jool, configured by its own commands. */
export function joolSetup(mode: Mode, router: RouterDriver): TranslatorSetup {
  const where = mode === 'isolated' ? `ip netns exec ${inside.namespace} ` : ''
  const own = mode === 'isolated' ? { v6: inside.v6[1], v4: inside.v4[1] } : { v6: topology.v6.router, v4: topology.v4.router }
  let active: TranslatorConfig | undefined

  const must = async (commands: readonly string[]): Promise<void> => { await mustAll(router, commands) }
  const remove = async (): Promise<void> => {
    if (active === undefined) return
    const config = active
    active = undefined
    await must(stopClat(config))
    if (mode === 'isolated') await must(leave(inside))
    else await must([...iptables(mode, config, '-D'), `${joolTool(config.kind)} instance remove ${joolInstance}`, ...strayRules(config, 'delete')])
  }

  return {
    name: `jool-${mode}`, engine: 'jool', mode, hops: mode === 'isolated' ? 3 : 1,
    own, marks: own,
    queues: mode === 'isolated' ? 2 : 0, mtu: mode === 'isolated' ? insideMtu : topology.v6.mtu,
    missing: async (kind) => {
      const { status, output } = await router.run(`modprobe ${joolTool(kind)} && command -v ${joolTool(kind)}`)
      if (status !== 0) return `no ${joolTool(kind)} here: ${output.slice(-120)}`
      if (mode !== 'iptables') return undefined
      const plugin = await router.run('command -v ip6tables && ls /usr/lib/*/xtables/libxt_JOOL.so')
      return plugin.status === 0 ? undefined : 'no iptables with Jool\'s plug-in here'
    },
    apply: async (config) => {
      await remove()
      active = config
      const commands = joolCommands(config, mode === 'iptables' ? 'iptables' : 'netfilter')
      if (mode === 'isolated') await must([...enterNamespace(config), ...commands.map((command) => where + command)])
      else await must([...strayRules(config, 'add'), ...commands, ...iptables(mode, config, '-A')])
      await must(startClat(config))
    },
    remove,
    sessionExpiry: async (protocol, address, port) => await sessionExpiry(router, where, joolInstance, { protocol, inside: address, insidePort: port }),
  }
}

/**
 * What Jool does not take goes on to the router's own routes: without these rules it would go back to where it came from, again and again. Jool's
 * own look-ups, which hairpinning needs, are not of a packet that came in. Wherever `local` stands, the router's own addresses come first.
 */
function strayRules(config: TranslatorConfig, action: 'add' | 'delete', where = ''): string[] {
  const rules = (family: string): string[] => ['65 not iif lo lookup local', `66 not iif lo lookup ${strayTable}`].map((rule) => `ip ${where}${family}rule ${action} pref ${rule}`)
  // A route, not a rule: a rule would say that the network is unreachable, RFC 6146 wants to hear that the host is.
  const route = (family: string, prefix: string): string => `ip ${where}${family}route ${action} unreachable ${prefix} table ${strayTable}`
  return [...intoTranslator(config).map((prefix) => route('', prefix)), route('-6 ', config.prefix), ...rules(''), ...rules('-6 ')]
}

function intoTranslator({ kind, pools, maps }: TranslatorConfig): string[] {
  return [...new Set(kind === 'nat64' ? pools.map(({ address }) => address) : maps.map(({ ipv4 }) => ipv4))]
}

function iptables(mode: Mode, { kind }: TranslatorConfig, action: '-A' | '-D'): string[] {
  if (mode !== 'iptables') return []
  const target = kind === 'nat64' ? 'JOOL' : 'JOOL_SIIT'
  return ['iptables', 'ip6tables'].map((tool) => `${tool} -t mangle ${action} PREROUTING -j ${target} --instance ${joolInstance}`)
}

/** The namespace, the pair, its addresses; and routes that lead all that is to be translated through it. */
function enterNamespace(config: TranslatorConfig): string[] {
  return [
    ...isle(inside), ...strayRules(config, 'add', `-n ${inside.namespace} `),
    `ip -6 route replace ${config.prefix} via ${inside.v6[1]}`,
    ...intoTranslator(config).map((address) => `ip route replace ${address} via ${inside.v4[1]}`),
  ]
}

function isle({ namespace, devices: [outer, inner], v4, v6 }: Isle): string[] {
  const run = `ip -n ${namespace}`
  return [
    `ip netns add ${namespace}`,
    `ip link add ${outer} mtu ${String(insideMtu)} type veth peer name ${inner} mtu ${String(insideMtu)} netns ${namespace}`,
    `ip addr add ${v4[0]}/30 dev ${outer}`, `ip addr add ${v6[0]}/64 dev ${outer} nodad`, `ip link set ${outer} up`,
    `${run} link set lo up`, `${run} addr add ${v4[1]}/30 dev ${inner}`, `${run} addr add ${v6[1]}/64 dev ${inner} nodad`, `${run} link set ${inner} up`,
    `${run} route add default via ${v4[0]}`, `${run} -6 route add default via ${v6[0]}`,
    `ip netns exec ${namespace} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0`,
    // The ends have to know each other: a packet that waits for its neighbour would be taken for one that was dropped.
    `ping -q -c 1 -W 5 ${v4[1]}`, `ping -q -c 1 -W 5 ${v6[1]}`,
  ]
}

function leave({ namespace, devices: [outer] }: Isle): string[] {
  return [`ip netns delete ${namespace}`, `{ ip link delete ${outer} 2>/dev/null; true; }`]
}

/** 464XLAT's customer side: a stateless translator of its own, to which the hosts' packets are routed. */
function startClat({ prefix, clat }: TranslatorConfig): string[] {
  if (clat === undefined) return []
  return [
    'modprobe jool_siit', ...isle(customer),
    `ip netns exec ${customer.namespace} jool_siit instance add clat --netfilter --pool6 ${prefix}`,
    `ip netns exec ${customer.namespace} jool_siit -i clat eamt add ${clat.ipv4} ${clat.ipv6}`,
    `ip route add default via ${customer.v4[1]} table ${customerTable}`, `ip rule add from ${clat.ipv4} table ${customerTable} iif $(ip -o -4 addr show to ${topology.v4.router} | awk '{print $2}')`,
    `ip -6 route replace ${clat.ipv6} via ${customer.v6[1]}`,
  ]
}

function stopClat({ clat }: TranslatorConfig): string[] {
  return clat === undefined ? [] : [`ip rule delete table ${customerTable}`, `ip route flush table ${customerTable}`, ...leave(customer)]
}
