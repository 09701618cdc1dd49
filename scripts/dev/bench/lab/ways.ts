import { topology, translated } from '../../../../images/smoke/lab/topology.ts'
import type { BenchRouter } from './router.ts'
import { ipv6BehindTheRouter, type Path } from './traffic.ts'

/** As TAYGA has no ports, and gives each host an address: a network, of which Jool needs one address. */
const pool = `${topology.pool4}/28`
const prefix = '2001:db8:6464:64::'

interface Recipe {
  name: string
  title: string
  /** For nat64ctl; empty: nothing is translated. */
  config: readonly string[]
  /** The interface that it has on the router, if any. */
  device?: string
}

const rule = (...lines: readonly string[]): string[] => [`source prefix ${prefix}/96`, `translation pool 1 address ${pool}`, ...lines].map((line) => `set nat64 source rule 100 ${line}`)
const joolRule = (...lines: readonly string[]): string[] => rule('translation pool 1 port 1024-65535', ...lines)

const recipes: readonly Recipe[] = [
  { name: 'forwarding', title: 'IPv6 forwarding, nothing translated', config: [] },
  { name: 'isolated', title: 'Jool, isolated', config: joolRule('mode isolated'), device: 'nat64-100' },
  { name: 'tayga', title: 'TAYGA', config: rule('engine tayga'), device: 'nat64-100' },
  // These have policy rules. A kernel that had one once looks routes up the long way, until it is booted again.
  { name: 'inline', title: 'Jool, inline', config: joolRule() },
  { name: 'iptables', title: 'Jool, iptables', config: joolRule('mode iptables') },
]

/** A way for packets through the router. */
export interface Way {
  name: string
  title: string
  path: Path
  /** Makes the router let packets through that way, and no other. @throws ForgeError E_BOOT */
  enter: () => Promise<void>
}

/** Those that this router has, forwarding first; of the others `say` gets to know why not. */
export async function openWays(router: BenchRouter, say: (why: string) => void): Promise<Way[]> {
  const plain = await ipv6BehindTheRouter(router.tree, router.must)
  await router.tree.transit.must('ip', 'route', 'replace', pool, 'via', topology.v4.router)
  const nat64: Path = { to: prefix + translated(topology.v4.transit).slice('64:ff9b::'.length), at: topology.v4.transit }
  const possible: Way[] = []
  for (const recipe of recipes) {
    const { name, title, config } = recipe
    const why = await missing(router, recipe)
    if (why === undefined) possible.push({ name, title, path: config.length === 0 ? plain : nat64, enter: async () => { await change(router, recipe) } })
    else say(`${name} is not on this router: ${why}`)
  }
  return possible
}

async function missing(router: BenchRouter, way: Recipe): Promise<string | undefined> {
  if (way.config.length === 0) return undefined
  await router.must(`printf '%s\\n' ${way.config.map((line) => `'${line}'`).join(' ')} > /root/${way.name}.config`)
  return await router.succeeds(`nat64ctl check --on-this-router /root/${way.name}.config`) ? undefined : 'nat64ctl check --on-this-router refuses it'
}

/** From nothing each time: the kernel's reassembly, which NAT64 turns on, would stay on after it. */
async function change(router: BenchRouter, way: Recipe): Promise<void> {
  await router.must('printf "" > /root/none.config && nat64ctl apply /root/none.config && { modprobe -r jool nf_defrag_ipv6 nf_defrag_ipv4 || { lsmod; false; }; }')
  if (way.config.length === 0) return
  await router.must(`nat64ctl apply /root/${way.name}.config`)
  await router.must(way.device === undefined ? '! test -e /sys/class/net/nat64-100' : `test -e /sys/class/net/${way.device}`)
}
