import { demand } from '../../checks/check.ts'
import { topology } from '../../lab/topology.ts'
import { apply, configure, demandSettled, must, putFile } from '../nat64ctl.ts'
import { scenarios, type ScenarioContext } from '../scenario.ts'
import { demandEchoed, tcp } from '../traffic.ts'

const { pool4, v4 } = topology
/** Another of the router's addresses. Which of two addresses a connection gets is decided by a secret of each boot. */
const otherPool4 = '203.0.113.66'
const wanted = '/etc/nat64/wanted.config'
const fault = '/run/fault'
const programs = ['ip', 'jool', 'jool_siit', 'nft', 'sysctl', 'systemctl'] as const
const leastOperations = 12

const before = [
  'nat64 source rule 100 source prefix 64:ff9b::/96', `nat64 source rule 100 translation pool 1 address ${pool4}`, 'nat64 source rule 100 translation pool 1 port 1024-65535',
  'nat64 source rule 200 source prefix 2001:db8:200::/96', 'nat64 source rule 200 mode isolated', 'nat64 source rule 200 translation pool 1 address 203.0.113.70', 'nat64 source rule 200 translation pool 1 port 1024-65535',
  'nat46 destination rule 5 destination address 203.0.113.80', 'nat46 destination rule 5 translation address 2001:db8:64::2', 'nat46 destination rule 5 source prefix 2001:db8:46::/96',
]
/** Another pool, a static mapping and an option for one rule; one rule gone, others new: everything that a plan can hold. */
const after = [
  ...before.slice(0, 3), `nat64 source rule 100 translation pool 2 address ${otherPool4}`, 'nat64 source rule 100 translation pool 2 port 1024-65535', 'nat64 source rule 100 option address-dependent-filtering',
  'nat64 source rule 100 static 1 inside address 2001:db8:64::2', 'nat64 source rule 100 static 1 inside port 8080', `nat64 source rule 100 static 1 outside address ${otherPool4}`,
  'nat64 source rule 100 static 1 outside port 8080', 'nat64 source rule 100 static 1 protocol tcp',
  'nat64 source rule 300 source prefix 2001:db8:300::/96', 'nat64 source rule 300 mode isolated', 'nat64 source rule 300 masquerade', 'nat64 source rule 300 match source-address 2001:db8:64::/64',
  'nat64 source rule 400 source prefix 2001:db8:400::/96', 'nat64 source rule 400 engine tayga', 'nat64 source rule 400 translation pool 1 address 192.168.40.0/24', 'nat64 source rule 400 masquerade',
  'nat46 destination rule 5 destination address 203.0.113.80', 'nat46 destination rule 5 translation address 2001:db8:64::3', 'nat46 destination rule 5 source prefix 2001:db8:46::/96',
  'nat46 destination rule 6 destination address 203.0.113.81', 'nat46 destination rule 6 translation address 2001:db8:64::4', 'nat46 destination rule 6 source prefix 2001:db8:46::/96',
]

/** Stands before a program, and fails at the call whose number is asked for; questions are not counted. */
function wrapper(program: string): string {
  return [
    '#!/bin/sh',
    'case "$*" in *show*|*display*|*list*|*--version*|*"sysctl -e"*|"") ;; *)',
    `  count=$(($(cat ${fault}/count) + 1)); echo $count > ${fault}/count; echo "${program} $*" >> ${fault}/calls`,
    `  if [ "$count" = "$(cat ${fault}/fail)" ]; then echo "injected failure" >&2; exit 1; fi ;;`,
    'esac',
    // The wrappers come first in nat64ctl's PATH; behind them is the program.
    `PATH=/usr/sbin:/usr/bin:/sbin:/bin exec ${program} "$@"`,
    '',
  ].join('\n')
}

async function arm({ router }: ScenarioContext, call: number): Promise<void> {
  await must(router, `mkdir -p ${fault} && echo 0 > ${fault}/count && echo ${String(call)} > ${fault}/fail && : > ${fault}/calls`)
}

async function standIn(context: ScenarioContext): Promise<void> {
  await arm(context, 0)
  for (const program of programs) await putFile(context.router, `/usr/local/sbin/${program}`, wrapper(program))
  await must(context.router, `chmod 755 ${programs.map((program) => `/usr/local/sbin/${program}`).join(' ')}; hash -r`)
}

/** Starts an apply, and goes on when it tells of its so-and-so-many-th operation; `$pid` is its process. */
function applyUntil(operation: number): string {
  return `rm -f /tmp/said; nat64ctl apply ${wanted} 2>/tmp/said & pid=$!; until [ "$(grep -c -E '^(instance|nat64|nat46|route|policy|masq)' /tmp/said)" -ge ${String(operation)} ] || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done`
}

export const rollbackScenarios = scenarios([
  {
    id: 'roll-back',
    title: 'every command of a plan fails once: each time the router is as before, says so itself, and translates',
    run: async (context) => {
      const { router, transit } = context
      await apply(router, before)
      await demandEchoed(context, 'before')
      await configure(router, after, wanted)
      const plan = JSON.parse(await must(router, `nat64ctl diff --json ${wanted} 2>/dev/null`, 120_000)) as unknown[]
      demand(plan.length >= leastOperations, `the plan has ${String(plan.length)} operations, fewer than ${String(leastOperations)}`)
      await standIn(context)
      let call = 1
      for (; ; call++) {
        await arm(context, call)
        const { status, output } = await router.run(`nat64ctl apply ${wanted} 2>&1`, 240_000)
        if (status === 0) break
        const failed = (await must(router, `sed -n ${String(call)}p ${fault}/calls`)).slice(0, 120)
        demand(status === 1 && output.includes('injected failure'), `call ${String(call)} (${failed}): exit status ${String(status)}: ${output.slice(-300)}`)
        await must(router, `echo 0 > ${fault}/fail`)
        await demandSettled(router).catch((error: unknown) => { throw new Error(`after call ${String(call)} (${failed}) had failed: ${String(error)}: ${output.slice(-300)}`) })
        const peer = await tcp(context)
        demand(peer === pool4, `after call ${String(call)} (${failed}) had failed, the IPv4 host saw ${peer}`)
      }
      demand(call > leastOperations, `only ${String(call - 1)} commands could fail`)
      await demandSettled(router, wanted)
      await transit.must('ip', 'route', 'replace', otherPool4, 'via', v4.router)
      try {
        await demandEchoed(context, 'after the whole plan')
      } finally {
        await transit.must('ip', 'route', 'delete', otherPool4)
      }
      return `${String(plan.length)} operations, ${String(call - 1)} commands that failed one at a time; each time diff of the previous configuration was empty and TCP went through`
    },
  },
  {
    id: 'roll-back-write',
    title: 'a file that cannot be written, and SIGTERM in the middle: the router is as before',
    run: async (context) => {
      const { router } = context
      await apply(router, before)
      await configure(router, after, wanted)
      await must(router, 'mount --bind /run/jool /run/jool && mount -o remount,ro,bind /run/jool')
      const readOnly = await router.run(`nat64ctl apply ${wanted} 2>&1`, 240_000)
      await must(router, 'umount /run/jool')
      demand(readOnly.status === 1 && readOnly.output.includes('Read-only file system'), `with /run/jool read-only: exit status ${String(readOnly.status)}: ${readOnly.output.slice(-300)}`)
      await demandSettled(router)
      await demandEchoed(context, 'after a file could not be written')
      const ended = await router.run(`${applyUntil(3)}; kill -TERM $pid; wait $pid`, 240_000)
      const said = await must(router, 'cat /tmp/said')
      demand(ended.status === 1 && said.includes('SIGTERM'), `after SIGTERM: exit status ${String(ended.status)}: ${said.slice(-300)}`)
      await demandSettled(router)
      await demandEchoed(context, 'after SIGTERM')
      return 'read-only /run/jool and SIGTERM: undone; diff empty, packets flow'
    },
  },
  {
    id: 'killed',
    title: 'nat64ctl is killed without warning in the middle: the next apply repairs',
    run: async (context) => {
      const { router } = context
      await apply(router, before)
      await configure(router, after, wanted)
      let kills = 0
      for (const lines of [2, 6, 10, 14, 18, 22]) {
        await router.run(`${applyUntil(lines)}; kill -KILL $pid 2>/dev/null; wait $pid`, 240_000)
        const left = await must(router, `nat64ctl diff ${wanted} 2>/dev/null | wc -l`, 120_000)
        if (Number(left) > 0) kills++
        await must(router, 'nat64ctl apply', 240_000)
        await demandSettled(router)
        await demandEchoed(context, `repaired after ${String(lines)} operations`)
      }
      demand(kills >= 4, `only ${String(kills)} of 6 came before the end`)
      return `killed ${String(kills)} times half-way; each next apply ended with an empty diff and packets flowing`
    },
  },
])
