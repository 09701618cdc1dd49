import type { RouterDriver } from '../drivers/router-driver.ts'
import type { HostClient } from '../lab/host-client.ts'

/** What a scenario works with: a router with nat64ctl, and real hosts on both sides of it. */
export interface ScenarioContext {
  router: RouterDriver
  ipv6Host: HostClient
  ipv4Host: HostClient
  transit: HostClient
  /** The router's interfaces, by their names there. */
  devices: { v6: string; v4: string }
  /** A deadline on this machine, from one on the reference machine. */
  scaled: (ms: number) => number
  /** Restarts the router and logs in again. @throws ForgeError E_BOOT */
  reboot: () => Promise<void>
  /** Valid configurations by chance, as nat64ctl reads them; each takes the place of the one before. */
  randomConfigurations: readonly string[]
}

/** One thing that a router with nat64ctl has to come through. It begins with nothing configured, and may leave anything behind that `cleanUp` takes away. */
export interface Scenario {
  /** "firewall-isolated" */
  id: string
  title: string
  /** Resolves to what was seen, in a few words. @throws CheckFailed, CheckSkipped */
  run: (context: ScenarioContext) => Promise<string>
}

/** Part of the list. */
export function scenarios(list: readonly Scenario[]): readonly Scenario[] {
  return list
}
