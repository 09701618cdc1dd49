import type { RouterDriver } from '../../drivers/router-driver.ts'
import { topology } from '../../lab/topology.ts'
import { embed } from '../../packets/address.ts'
import type { Engine, Mode, TranslationKind, TranslatorSetup } from '../translator.ts'
import { joolTool } from './jool-commands.ts'
import { sessionExpiry } from './jool-sessions.ts'
import { firstRule, nat64ctlText, taygaPool } from './nat64ctl-text.ts'
import { mustAll, writeLines } from './router-commands.ts'

const routerItself = { v6: topology.v6.router, v4: topology.v4.router }
/** The translators' own ends of what leads to them, by the rules' numbers: see isolated.py. */
const ownEnds = { nat64: { v6: 'fd64:6464:6464::c613:c9', v4: '198.19.0.201' }, nat46: { v6: 'fd64:6464:6464::c613:ff37', v4: '198.19.255.55' } } as const
/** What TAYGA takes for the well-known prefix: nat64ctl gives it another address then. */
const takenForWellKnown = (prefix: string): boolean => prefix.startsWith('64:ff9b:')
const own6 = (v4: string): string => embed('fd64:6464:6464::/96', v4)
const file = '/etc/nat64/nat64.config'
/** A namespace has limits of its own on how often it may complain. */
const unlimited = 'for each in $(ip netns list | cut -d " " -f 1); do ip netns exec $each sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0; done'

/** What an administrator does: writes the configuration and has it applied. TAYGA is always on an interface of its own, which is `isolated` here. */
export function nat64ctlSetup(engine: Engine, mode: Mode, router: RouterDriver): TranslatorSetup {
  const tayga = engine === 'tayga'
  const apart = mode === 'isolated'
  let kind: TranslationKind = 'nat64'
  let prefix = ''
  const own = (): TranslatorSetup['own'] => {
    if (!tayga) return ownEnds[kind]
    const v4 = kind === 'nat64' ? taygaPool.first : ownEnds.nat46.v4
    // Its other address is one of the prefix, but for the well-known one.
    return { v4, v6: takenForWellKnown(prefix) ? own6(v4) : embed(prefix, v4) }
  }
  const apply = async (text: string): Promise<void> => {
    await writeLines(router, file, text.split('\n').filter((line) => line !== ''))
    await mustAll(router, ['nat64ctl apply', unlimited])
  }
  return {
    name: tayga ? 'nat64ctl-tayga' : `nat64ctl-jool-${mode}`, engine, mode,
    // The router is before and behind a translator that is apart.
    hops: apart ? 3 : 1,
    get own() { return apart ? own() : routerItself },
    // TAYGA is a process, which works off its packets in their order, and those for itself too.
    get marks() { return tayga ? own() : routerItself },
    queues: apart && !tayga ? 2 : 0, mtu: apart && !tayga ? 9216 : topology.v6.mtu,
    missing: async (wanted) => {
      const { status } = await router.run(`command -v nat64ctl && command -v ${tayga ? 'tayga' : joolTool(wanted)}`)
      if (status !== 0) return `no nat64ctl or no ${engine} here`
      if (mode === 'iptables' && (await router.run('command -v ip6tables-restore')).status !== 0) return 'no iptables here'
      return undefined
    },
    apply: async (config) => {
      ({ kind, prefix } = config)
      await apply(nat64ctlText(config, engine, tayga ? 'inline' : mode))
    },
    remove: async () => { await apply('') },
    sessionExpiry: async (protocol, inside, insidePort) => {
      const where = apart ? `ip netns exec nat64-${String(firstRule)} ` : ''
      return await sessionExpiry(router, where, `instance-${String(firstRule)}`, { protocol, inside, insidePort })
    },
  }
}
