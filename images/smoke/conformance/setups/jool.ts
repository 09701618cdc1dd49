import { CheckFailed } from '../../checks/check.ts'
import type { RouterDriver } from '../../drivers/router-driver.ts'
import type { Mode, TranslatorConfig, TranslatorSetup } from '../translator.ts'
import { joolCommands, joolInstance, joolTool } from './jool-commands.ts'
import { sessionExpiry } from './jool-sessions.ts'

/** A terminal takes 4095 characters at once. */
const lineLimit = 3000
/** The translator's own network namespace, and the two ends of the pair that leads there. */
const inside = { namespace: 'table', outer: 'table-out', inner: 'table-in', v4: ['192.0.0.1', '192.0.0.2'], v6: ['2001:db8:6400::1', '2001:db8:6400::2'] } as const

/** Jool, configured by its own commands. */
export function joolSetup(mode: Mode, router: RouterDriver): TranslatorSetup {
  const where = mode === 'isolated' ? `ip netns exec ${inside.namespace} ` : ''
  let active: TranslatorConfig | undefined

  const must = async (commands: readonly string[]): Promise<void> => {
    for (const line of lines(commands)) {
      const { status, output } = await router.run(line, 60_000)
      if (status !== 0) throw new CheckFailed(`on the router: ${line.slice(0, 200)}: exit status ${String(status)}: ${output.slice(-300)}`)
    }
  }
  const remove = async (): Promise<void> => {
    if (active === undefined) return
    const config = active
    active = undefined
    if (mode === 'isolated') await must([`ip netns delete ${inside.namespace}`, `{ ip link delete ${inside.outer} 2>/dev/null; true; }`])
    else await must([...iptables(mode, config, '-D'), `${joolTool(config.kind)} instance remove ${joolInstance}`, ...strays(config).map((route) => `ip route delete ${route}`)])
  }

  return {
    name: `jool-${mode}`, engine: 'jool', mode, hops: mode === 'isolated' ? 3 : 1,
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
      else await must([...strays(config).map((route) => `ip route replace ${route}`), ...commands, ...iptables(mode, config, '-A')])
    },
    remove,
    sessionExpiry: async (protocol, address, port) => await sessionExpiry(router, where, joolInstance, { protocol, inside: address, insidePort: port }),
  }
}

/** What Jool does not take goes on to the router's own routes: without these it would go back to where it came from. */
function strays({ kind, pools }: TranslatorConfig): string[] {
  return kind === 'nat64' ? [...new Set(pools.map(({ address }) => address))].map((address) => `unreachable ${address}`) : []
}

function iptables(mode: Mode, { kind }: TranslatorConfig, action: '-A' | '-D'): string[] {
  if (mode !== 'iptables') return []
  const target = kind === 'nat64' ? 'JOOL' : 'JOOL_SIIT'
  return ['iptables', 'ip6tables'].map((tool) => `${tool} -t mangle ${action} PREROUTING -j ${target} --instance ${joolInstance}`)
}

/** The pair, its addresses, and routes that lead all that is to be translated through it. */
function enterNamespace(config: TranslatorConfig): string[] {
  const { namespace, outer, inner, v4, v6 } = inside
  const run = `ip -n ${namespace}`
  const into4 = config.kind === 'nat64' ? config.pools.map(({ address }) => address) : config.maps.map(({ ipv4 }) => ipv4)
  return [
    `ip netns add ${namespace}`,
    `ip link add ${outer} type veth peer name ${inner} netns ${namespace}`,
    `ip addr add ${v4[0]}/30 dev ${outer}`, `ip addr add ${v6[0]}/64 dev ${outer} nodad`, `ip link set ${outer} up`,
    `${run} link set lo up`, `${run} addr add ${v4[1]}/30 dev ${inner}`, `${run} addr add ${v6[1]}/64 dev ${inner} nodad`, `${run} link set ${inner} up`,
    `${run} route add default via ${v4[0]}`, `${run} -6 route add default via ${v6[0]}`,
    `ip netns exec ${namespace} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0`,
    `ip -6 route replace ${config.prefix} via ${v6[1]}`,
    ...[...new Set(into4)].map((address) => `ip route replace ${address} via ${v4[1]}`),
  ]
}

/** Commands joined so that each line is one round trip, and stops at the first that fails. */
function lines(commands: readonly string[]): string[] {
  const all: string[] = []
  for (const command of commands) {
    const last = all.at(-1)
    if (last !== undefined && last.length + command.length + 4 < lineLimit) all[all.length - 1] = `${last} && ${command}`
    else all.push(command)
  }
  return all
}
