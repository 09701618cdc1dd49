import type { RouterDriver } from '../../drivers/router-driver.ts'
import { topology } from '../../lab/topology.ts'
import type { Engine, Mode, TranslatorSetup } from '../translator.ts'
import { joolTool } from './jool-commands.ts'
import { sessionExpiry } from './jool-sessions.ts'
import { nat64ctlText } from './nat64ctl-text.ts'
import { mustAll, writeLines } from './router-commands.ts'

const routerItself = { v6: topology.v6.router, v4: topology.v4.router }
const file = '/etc/nat64/nat64.config'

/** What an administrator does: writes the configuration and has it applied. */
export function nat64ctlSetup(engine: Engine, mode: Mode, router: RouterDriver): TranslatorSetup {
  // TAYGA and an isolated Jool have the router before and behind them.
  const apart = engine === 'tayga' || mode === 'isolated'
  const apply = async (text: string): Promise<void> => {
    await writeLines(router, file, text.split('\n').filter((line) => line !== ''))
    await mustAll(router, ['nat64ctl apply'])
  }
  return {
    name: `nat64ctl-${engine}-${mode}`, engine, mode,
    hops: apart ? 3 : 1,
    own: routerItself, marks: routerItself, queues: apart ? 2 : 0, mtu: mode === 'isolated' ? 9216 : topology.v6.mtu,
    missing: async (kind) => {
      if (kind === 'nat64' && engine === 'tayga') return 'TAYGA is stateless'
      const { status } = await router.run(`command -v nat64ctl && command -v ${engine === 'tayga' ? 'tayga' : joolTool(kind)}`)
      if (status !== 0) return `no nat64ctl or no ${engine} here`
      if (mode === 'iptables' && (await router.run('command -v ip6tables-restore')).status !== 0) return 'no iptables here'
      return undefined
    },
    apply: async (config) => { await apply(nat64ctlText(config, engine, mode)) },
    remove: async () => { await apply('') },
    sessionExpiry: async (protocol, inside, insidePort) => await sessionExpiry(router, '', 'instance-100', { protocol, inside, insidePort }),
  }
}
