import { demand } from '../../checks/check.ts'
import { topology } from '../../lab/topology.ts'
import { apply, json, must } from '../nat64ctl.ts'
import { scenarios, type ScenarioContext } from '../scenario.ts'
import { demandEchoed, farTarget, tcp } from '../traffic.ts'

const { pool4, port, far, v6 } = topology

type Row = Record<string, unknown>
interface End { address: string; port: number | null }

/** @throws CheckFailed when a table of nat64ctl is empty, or has a key without anything where there should be something */
async function rows({ router }: ScenarioContext, command: string, needed: readonly string[]): Promise<Row[]> {
  const found = await json(router, `nat64ctl ${command} --json`) as Row[]
  demand(found.length > 0, `${command}: nothing`)
  for (const row of found) {
    for (const key of needed) demand(row[key] !== undefined && row[key] !== null && row[key] !== '', `${command}: ${key} of ${JSON.stringify(row).slice(0, 200)} is empty`)
  }
  return found
}

/** The same as a table for people: its header and these words are there. */
async function table({ router }: ScenarioContext, command: string, words: readonly string[]): Promise<void> {
  const text = await must(router, `nat64ctl ${command}`, 120_000)
  for (const word of words) demand(text.includes(word), `${command}: no "${word}" in: ${text.slice(0, 400)}`)
}

function stateOf(mode: 'inline' | 'isolated') {
  return {
    id: `state-${mode}`,
    title: `${mode}: show, explain, reset and monitor say of a translating router what it does, in text and in JSON`,
    run: async (context: ScenarioContext): Promise<string> => {
      const { router, ipv6Host, ipv4Host, scaled } = context
      const rule = 'nat64 source rule 100'
      await apply(router, [
        `${rule} source prefix 64:ff9b::/96`, `${rule} mode ${mode}`, `${rule} description "those of the house"`, `${rule} translation pool 1 address ${pool4}`, `${rule} translation pool 1 port 1024-65535`, `${rule} log binding`,
        `${rule} static 1 inside address ${v6.host}`, `${rule} static 1 inside port ${String(port)}`, `${rule} static 1 outside address ${pool4}`, `${rule} static 1 outside port 6400`, `${rule} static 1 protocol tcp`,
      ])
      await ipv6Host.call('serve', { host: v6.host, port })
      // Inbound by the static mapping, and connections that stay open.
      await ipv4Host.call('exchangeTcp', { host: pool4, port: 6400, upload: 1000, download: 1000, timeoutMs: scaled(15_000) })
      const open = 5
      const { opened } = await ipv6Host.call('openMany', { host: farTarget, port, count: open, sizeBytes: 100, timeoutMs: scaled(15_000) })
      demand(opened === open, `${String(opened)} of ${String(open)} connections`)
      await demandEchoed(context, 'UDP')

      const [shown] = await rows(context, 'show rules', ['rule', 'engine', 'mode', 'prefix', 'addresses', 'state', 'description', 'instance'])
      demand(shown?.['rule'] === 'nat64-100' && shown['state'] === 'running' && shown['mode'] === mode && shown['description'] === 'those of the house', `show rules: ${JSON.stringify(shown)}`)
      const sessions = await rows(context, 'show translations', ['type', 'engine', 'rule', 'instance', 'protocol', 'inside', 'outside'])
      const established = sessions.filter((row) => row['type'] === 'session' && row['protocol'] === 'tcp' && row['state'] === 'ESTABLISHED' && (row['destination'] as End).address === far.host)
      demand(established.length === open, `${String(established.length)} established sessions for ${String(open)} open connections`)
      demand(established.every((row) => (row['inside'] as End).address === v6.host && (row['outside'] as End).address === pool4 && Number(row['expires_seconds']) > 7000), `a session: ${JSON.stringify(established[0])}`)
      const chosen = await rows(context, `show translations --protocol udp --address ${far.host}`, ['protocol'])
      demand(chosen.every((row) => row['protocol'] === 'udp'), `--protocol udp: ${JSON.stringify(chosen[0])}`)
      const pools = await rows(context, 'show pools', ['rule', 'engine', 'instance', 'protocol', 'address', 'ports', 'size'])
      demand(pools.some((row) => row['protocol'] === 'tcp' && Number(row['used']) > open), `show pools: ${JSON.stringify(pools)}`)
      const [timeouts] = await rows(context, 'show timeouts', ['rules', 'engine', 'instance', 'seconds'])
      demand(JSON.stringify(timeouts?.['seconds']).includes('7200'), `show timeouts: ${JSON.stringify(timeouts)}`)
      const [statistics] = await rows(context, 'show statistics', ['rules', 'engine', 'instance', 'counters'])
      const counter = (of: Row | undefined, name: string): number => (of?.['counters'] as Record<string, number> | undefined)?.[name] ?? Number.NaN
      demand(counter(statistics, 'JSTAT_SUCCESS') > 50 && counter(statistics, 'JSTAT_SESSIONS') >= open, `show statistics: ${JSON.stringify(statistics).slice(0, 400)}`)
      const status = await json(router, 'nat64ctl show status --json') as { modules: Row[]; translators: { running: number; foreign: number }; configuration: Row }
      demand(status.modules.length > 0 && status.modules.every((module) => module['fits'] === true || module['module'] === null) && status.translators.running === 1 && status.configuration['state'] === 'applied', `show status: ${JSON.stringify(status)}`)
      await table(context, 'show rules', ['Rule', 'nat64-100', 'running', '64:ff9b::/96', 'those of the house'])
      await table(context, 'show translations', ['Inside', `[${v6.host}]`, `${far.host}:${String(port)}`, 'ESTABLISHED'])
      await table(context, 'show translations --bindings', ['static binding', `${pool4}:6400`])
      await table(context, 'show pools', [pool4, '1024-65535'])
      await table(context, 'show timeouts', ['2:00:00'])
      await table(context, 'show statistics', ['JSTAT_SUCCESS'])
      await table(context, 'show status', ['module jool', 'what runs is what it says'])

      const [out] = await rows(context, `explain ${farTarget}`, ['rule', 'engine', 'mapping'])
      demand(out?.['ipv4'] !== undefined && JSON.stringify(out['ipv4']).includes(far.host), `explain ${farTarget}: ${JSON.stringify(out)}`)
      const back = await rows(context, `explain ${pool4}:6400`, ['rule', 'engine', 'mapping'])
      demand(JSON.stringify(back).includes(v6.host), `explain ${pool4}:6400: ${JSON.stringify(back)}`)

      // Whoever watches sees a connection come.
      await must(router, 'rm -f /run/watched; nat64ctl monitor --json > /run/watched 2>/run/watched.said & echo $! > /run/watching; true')
      // When it has begun, nobody knows: connections until it has seen one.
      let watched = ''
      for (const until = performance.now() + scaled(30_000); !watched.includes(v6.host) && performance.now() < until;) {
        const peer = await tcp(context)
        demand(peer === pool4, `the IPv4 host saw ${peer}`)
        watched = await must(router, 'sleep 1; cat /run/watched /run/watched.said')
      }
      await must(router, 'kill $(cat /run/watching)')
      demand(watched.includes('"event"') && watched.includes(v6.host), `monitor printed: ${watched.slice(0, 300) || 'nothing'}`)
      const journal = await must(router, `journalctl --namespace=nat64 --output=json --no-pager NAT64_OUTSIDE_ADDRESS=${pool4} | tail -n 1`)
      demand(journal.includes('binding-added') || journal.includes('binding-removed'), `the journal has: ${journal.slice(0, 300) || 'nothing'}`)

      await must(router, 'nat64ctl reset statistics', 120_000)
      const [since] = await rows(context, 'show statistics', ['since'])
      demand(counter(since, 'JSTAT_SUCCESS') < counter(statistics, 'JSTAT_SUCCESS'), `after reset statistics: ${JSON.stringify(since).slice(0, 300)}`)
      await must(router, 'nat64ctl reset translations', 240_000)
      const left = await json(router, 'nat64ctl show translations --json') as Row[]
      // Those of the static mapping stay with it.
      demand(!left.some((row) => row['type'] === 'session' && (row['destination'] as End).address === far.host && Number((row['outside'] as End).port) !== 6400), `after reset translations: ${JSON.stringify(left).slice(0, 300)}`)
      const inbound = await ipv4Host.call('exchangeTcp', { host: pool4, port: 6400, upload: 1000, download: 1000, timeoutMs: scaled(15_000) })
      demand(inbound.ms > 0, 'the static mapping is gone')
      await ipv6Host.call('closeMany', { sizeBytes: 1, timeoutMs: 100 })
      const archive = await must(router, 'cd /tmp && rm -f nat64-debug-*.tar.gz && nat64ctl debug-archive >/dev/null 2>&1 && tar tzf nat64-debug-*.tar.gz | wc -l', 240_000)
      demand(Number(archive) > 10, `the debug archive has ${archive} files`)
      return `${String(sessions.length)} translations shown, ${String(open)} of them the open connections; statistics, pools, timeouts, status, explain, monitor, journal and both resets agree with what was sent`
    },
  }
}

export const stateScenarios = scenarios([stateOf('inline'), stateOf('isolated')])
