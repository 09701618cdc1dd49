import { demand } from '../checks/check.ts'
import { must } from './nat64ctl.ts'
import type { ScenarioContext } from './scenario.ts'

/** The first systemd whose networkd deletes policy rules of others. */
const takesRules = 249
/** A policy rule of nobody's that changes nothing, and of which it is seen that networkd has been at work. */
const bait = 'priority 7777 from all lookup main'
const restartMs = 120_000

/** Whether systemd-networkd configures this router. */
export async function hasNetworkd({ router }: ScenarioContext): Promise<boolean> {
  return (await router.run('systemctl --quiet is-active systemd-networkd')).status === 0
}

/**
 * Has systemd-networkd configure interfaces anew, and waits until it has: a restart, or `networkctl reconfigure`. Nobody asks nat64ctl for anything.
 * Resolves to what it took of others'. @throws CheckFailed
 */
export async function networkdConfigures({ router, devices }: ScenarioContext, command = 'systemctl restart systemd-networkd'): Promise<string> {
  const version = Number(/\d+/.exec(await must(router, 'networkctl --version'))?.[0])
  const configured = Object.values(devices).map((device) => `networkctl status ${device} | grep -q "State:.*(configured)"`).join(' && ')
  await must(router, `ip rule add ${bait}`)
  try {
    await must(router, command, restartMs)
    const gone = version >= takesRules ? ' && ! ip rule | grep -q ^7777:' : ''
    const settled = await router.run(`for i in $(seq 60); do ${configured}${gone} && break; sleep 1; done; ${configured}`, restartMs)
    demand(settled.status === 0, `systemd-networkd did not configure its interfaces within a minute after: ${command}`)
    const left = (await must(router, 'ip rule')).includes('7777:')
    // Without this the test would say nothing.
    demand(left === version < takesRules, `systemd-networkd ${String(version)} ${left ? 'left' : 'took'} a policy rule of somebody else's after: ${command}`)
    return left ? `systemd ${String(version)} left rules of others` : `systemd ${String(version)} took a rule of somebody else's`
  } finally {
    await router.run(`ip rule delete ${bait} 2>/dev/null`)
  }
}
