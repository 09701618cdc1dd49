import { CheckSkipped, demand } from '../../checks/check.ts'
import { topology } from '../../lab/topology.ts'
import { apply, configure, demandSettled, must, putFile } from '../nat64ctl.ts'
import { hasNetworkd, networkdConfigures } from '../networkd.ts'
import { scenarios, type ScenarioContext } from '../scenario.ts'
import { awaitPing, demandEchoed, farTarget, tcp } from '../traffic.ts'

const { pool4, port, v4, v6 } = topology
const otherPool4 = '203.0.113.66'
const mebibyte = 1 << 20
/** Ten thousand ports more in each: wrong by so many, the pool would be empty after the first. */
const rounds = 2
const settleMs = 60_000
/** A wrong count shows by chance: the first port is drawn from all. */
const sessionsAfter = 10
/** The router's second WAN address, and a network that has it and the first one's gateway. */
const moved = '192.0.2.5'
const movedLength = 29
/** An administrator's file for whatever has none of its own. */
const everything = '/etc/systemd/network/99-everything.network'

/** Each pool is "ADDRESS PORTS". */
function rules(mode: 'inline' | 'isolated', ...pools: readonly string[]): string[] {
  return [
    'nat64 source rule 100 source prefix 64:ff9b::/96', `nat64 source rule 100 mode ${mode}`,
    ...pools.flatMap((pool, index) => {
      const [address = '', ports = ''] = pool.split(' ')
      const path = `nat64 source rule 100 translation pool ${String(index + 1)}`
      return [`${path} address ${address}`, `${path} port ${ports}`]
    }),
  ]
}

/** Asks for what hooks of the network's configuration ask for, and waits for its end. */
async function refresh(context: ScenarioContext): Promise<void> {
  await must(context.router, 'systemctl start nat64-refresh && while systemctl list-jobs --no-legend | grep -q "nat64[.]service"; do sleep 1; done', 240_000)
}

/**
 * A transfer that goes on while the pool grows, shrinks, gets a hole and another address, time and again: Jool's count of the pool must not drift.
 * The transfer's own port is in the pool all the time.
 */
async function bulkThrough(context: ScenarioContext, mode: 'inline' | 'isolated'): Promise<string> {
  const { router, ipv6Host, scaled } = context
  const first = `${pool4} 1024-11000`
  await apply(router, rules(mode, first))
  const { peer, peerPort } = await ipv6Host.call('startTransfer', { host: farTarget, port, timeoutMs: scaled(60_000) })
  demand(peer === pool4, `the IPv4 host saw ${peer}`)
  const hole = peerPort > 6_000 ? 3_000 : 8_000
  const changes = [
    rules(mode, `${pool4} 1024-21000`), rules(mode, `${pool4} 1024-16000`, `${otherPool4} 1024-40000`), rules(mode, `${pool4} 1024-${String(hole)}`, `${pool4} ${String(hole + 100)}-16000`), rules(mode, first),
  ]
  for (let round = 1; round <= rounds; round++) {
    for (const change of changes) await apply(router, change)
  }
  await demandSettled(router)
  await demandEchoed(context, 'new sessions after all changes')
  const { bytes, longestMs, ms } = await ipv6Host.call('endTransfer', {})
  return `${String(bytes / mebibyte)} MiB in ${(ms / 1000).toFixed(0)} s through ${String(rounds * changes.length)} changes of the pool, the slowest 64 MiB in ${(longestMs / 1000).toFixed(1)} s; SHA-256 equal`
}

/** What a person may type: Jool as it is released counts the pool wrong afterwards, and new connections find no port. kernel/patches mends it. */
async function changedByHand(context: ScenarioContext): Promise<string> {
  const { router } = context
  await apply(router, rules('inline', `${pool4} 1024-2047`))
  const [instance = ''] = (await must(router, "jool instance display --csv | awk -F, '/netfilter/{print $2}'")).trim().split('\n')
  const change = (what: string): Promise<string> => must(router, `for l4 in tcp udp icmp; do jool -i '${instance}' pool4 ${what.replace('L4', '--$l4')} || exit 1; done`)
  for (let round = 1; round <= rounds; round++) {
    await change(`add L4 ${pool4} 2048-40000`)
    await change(`remove L4 ${pool4} 1400-1499`)
    await change(`remove L4 ${pool4} 1800-40000`)
    await change(`add L4 ${pool4} 1400-2047`)
    // What was never counted is taken away again: less than nothing would be left.
    await change(`add L4 ${pool4} 2048-40000`)
    await change(`remove L4 ${pool4} 2048-40000`)
  }
  for (let session = 1; session <= sessionsAfter; session++) await demandEchoed(context, `new session ${String(session)} after the changes`)
  const said = (await must(router, "dmesg | grep -ic 'pool4 entry counter' || true")).trim()
  demand(said === '0', `the kernel's log says ${said} times that the pool was counted wrong`)
  return `${String(6 * rounds)} changes of ${instance}'s pool by \`jool pool4\`, then ${String(sessionsAfter)} new sessions`
}

export const changeScenarios = scenarios([
  { id: 'pool-changed-by-hand', title: 'inline: new sessions find ports after the pool was changed by `jool pool4`', run: changedByHand },
  { id: 'bulk-pool-change-inline', title: 'inline: a bulk TCP transfer runs through changes of the pool', run: async (context) => await bulkThrough(context, 'inline') },
  { id: 'bulk-pool-change-isolated', title: 'isolated: a bulk TCP transfer runs through changes of the pool', run: async (context) => await bulkThrough(context, 'isolated') },
  ...(['inline', 'isolated'] as const).map((mode) => ({
    id: `link-flap-${mode}`,
    title: `${mode}: after the WAN interface was down, and the translator's own, translation goes on`,
    run: async (context: ScenarioContext) => {
      const { router, devices, ipv6Host, scaled } = context
      await configure(router, rules(mode, `${pool4} 1024-65535`))
      await must(router, 'systemctl restart nat64', 240_000)
      await demandEchoed(context, 'before')
      const flap = async (device: string): Promise<void> => {
        await must(router, `ip link set dev ${device} down; ip link set dev ${device} up; networkctl reconfigure ${device} 2>/dev/null; true`)
        await awaitPing(ipv6Host, v6.router, scaled(settleMs))
        await refresh(context)
        await awaitPing(ipv6Host, farTarget, scaled(settleMs))
        await demandEchoed(context, `after ${device} was down`)
        await demandSettled(router)
      }
      for (const device of [devices.v4, devices.v6, ...mode === 'isolated' ? ['nat64-100'] : []]) await flap(device)
      if (mode === 'isolated') {
        await must(router, 'ip -n nat64-100 link set dev router down; ip -n nat64-100 link set dev router up')
        await refresh(context)
        await demandEchoed(context, 'after the inner end was down')
        await must(router, 'ip link delete nat64-100')
        await refresh(context)
        await demandEchoed(context, 'after the pair was deleted')
      }
      return mode === 'isolated' ? 'WAN, LAN, both ends of the pair down and up, and the pair deleted: packets flow after nat64-refresh' : 'WAN and LAN down and up: packets flow after nat64-refresh'
    },
  })),
  {
    id: 'networkd-restart',
    title: 'isolated with `match`, beside an inline rule: after a restart of systemd-networkd, which has a file for all interfaces, translation goes on and nothing was lost',
    run: async (context) => {
      const { router, devices, ipv6Host, scaled } = context
      if (!await hasNetworkd(context)) throw new CheckSkipped('no systemd-networkd here')
      await configure(router, [
        ...rules('isolated', `${pool4} 1024-65535`), `nat64 source rule 100 match source-address 2001:db8:64::/64`,
        'nat64 source rule 200 source prefix 2001:db8:200::/96', `nat64 source rule 200 translation pool 1 address ${otherPool4}`,
      ])
      await must(router, 'systemctl restart nat64', 240_000)
      await demandEchoed(context, 'before')
      await putFile(router, everything, '[Match]\nName=*\n[Network]\nLinkLocalAddressing=no\nConfigureWithoutCarrier=yes\n')
      try {
        const seen: string[] = []
        for (const command of ['systemctl restart systemd-networkd', `networkctl reconfigure ${devices.v4} ${devices.v6}`]) {
          seen.push(await networkdConfigures(context, command))
          await awaitPing(ipv6Host, farTarget, scaled(settleMs))
          await demandEchoed(context, `after ${command}`)
          await demandSettled(router)
        }
        const state = await must(router, 'networkctl list --no-legend nat64-100')
        demand(state.includes('unmanaged'), `systemd-networkd manages the translator's interface: ${state}`)
        return `${seen.join('; ')}: packets flow without a refresh, nothing is to be applied, and the translator's interface is not managed`
      } finally {
        await router.run(`rm -f ${everything}; systemctl restart systemd-networkd`, 60_000)
      }
    },
  },
  {
    id: 'synchronization-without-interface',
    title: 'session synchronization over an interface that is not there: translation starts all the same, and joold when the interface comes',
    run: async (context) => {
      const { router } = context
      await configure(router, [...rules('inline', `${pool4} 1024-65535`), 'nat64 synchronization interface ha0'])
      await must(router, 'systemctl restart nat64', 240_000)
      await demandEchoed(context, 'without the interface')
      await demandSettled(router)
      const runs = 'test "$(pgrep -x joold)" && sleep 5 && test "$(pgrep -x joold)"'
      demand((await router.run(runs)).status !== 0, 'joold runs, so this test says nothing')
      await must(router, 'ip link add ha0 type dummy && ip link set dev ha0 up')
      try {
        await must(router, `for i in $(seq 30); do ${runs} && break; sleep 1; done; ${runs}`, 120_000)
        await demandSettled(router)
        return 'packets flow and nothing is to be applied while joold waits for its interface; it runs when that is there'
      } finally {
        await router.run('ip link delete ha0')
      }
    },
  },
  {
    id: 'wan-address-change',
    title: 'isolated with `masquerade`: the WAN gets another address, and new connections have it',
    run: async (context) => {
      const { router, devices, transit } = context
      await configure(router, ['nat64 source rule 100 source prefix 64:ff9b::/96', 'nat64 source rule 100 mode isolated', 'nat64 source rule 100 masquerade'])
      await must(router, 'systemctl restart nat64', 240_000)
      const before = await tcp(context)
      demand(before === v4.router, `before the change the IPv4 host saw ${before}`)
      await transit.must('ip', 'route', 'replace', `${moved}/32`, 'dev', v4.tap)
      try {
        await must(router, `ip address add ${moved}/${String(movedLength)} dev ${devices.v4} && ip address delete ${v4.router}/${String(v4.prefixLength)} dev ${devices.v4} && ip route replace default via ${v4.transit}`)
        await refresh(context)
        await demandEchoed(context, 'after the change')
        const after = await tcp(context)
        demand(after === moved, `after the change the IPv4 host saw ${after}`)
        await demandSettled(router)
        return `${before}, then ${after}`
      } finally {
        await router.run(`ip address add ${v4.router}/${String(v4.prefixLength)} dev ${devices.v4}; ip address delete ${moved}/${String(movedLength)} dev ${devices.v4}; ip route replace default via ${v4.transit}`)
        await transit.must('ip', 'route', 'delete', `${moved}/32`)
      }
    },
  },
])
