import type { RouterDriver } from '../../drivers/router-driver.ts'
import { topology } from '../../lab/topology.ts'
import type { TranslatorConfig, TranslatorSetup } from '../translator.ts'
import { mustAll, writeLines } from './router-commands.ts'

const device = 'table'
const file = '/run/tayga-table.conf'
const pidFile = '/run/tayga-table.pid'
/** TAYGA's own addresses, which answer echo requests and complain. */
const own = { v6: '2001:db8:6402::1', v4: '192.0.0.10' }

/** TAYGA, configured by its own file; it is stateless, and always on an interface of its own. */
export function taygaSetup(router: RouterDriver): TranslatorSetup {
  let active: TranslatorConfig | undefined
  const must = async (...commands: readonly string[]): Promise<void> => { await mustAll(router, commands) }
  const remove = async (): Promise<void> => {
    if (active === undefined) return
    active = undefined
    // Its routes go with the interface.
    await must(`{ test ! -e ${pidFile} || { kill $(cat ${pidFile}) && rm -f ${pidFile}; }; }`, `tayga -c ${file} --rmtun`)
  }
  return {
    name: 'tayga', engine: 'tayga', mode: 'isolated', hops: 3, own, marks: own, queues: 0, mtu: topology.v6.mtu,
    missing: async (kind) => {
      if (kind === 'nat64') return 'TAYGA is stateless'
      return (await router.run('command -v tayga && modprobe tun')).status === 0 ? undefined : 'no tayga here'
    },
    apply: async (config) => {
      await remove()
      active = config
      await writeLines(router, file, taygaFile(config))
      await must(
        `tayga -c ${file} --mktun`, `ip link set ${device} up`, `ip route add ${own.v4} dev ${device}`, `ip -6 route add ${own.v6} dev ${device}`,
        ...config.maps.map(({ ipv4 }) => `ip route add ${ipv4} dev ${device}`), `ip -6 route add ${config.prefix} dev ${device}`, `tayga -c ${file} -p ${pidFile}`,
      )
    },
    remove,
    sessionExpiry: () => Promise.resolve(undefined),
  }
}

/** What an administrator would write. Options of Jool's have no counterpart. */
export function taygaFile({ prefix, maps }: TranslatorConfig): string[] {
  return [`tun-device ${device}`, `ipv4-addr ${own.v4}`, `ipv6-addr ${own.v6}`, `prefix ${prefix}`, ...maps.map(({ ipv4, ipv6 }) => `map ${ipv4} ${ipv6}`)]
}
