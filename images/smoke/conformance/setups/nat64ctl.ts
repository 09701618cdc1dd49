import { CheckFailed } from '../../checks/check.ts'
import type { RouterDriver } from '../../drivers/router-driver.ts'
import { topology } from '../../lab/topology.ts'
import type { Engine, Mode, TranslatorSetup } from '../translator.ts'
import { joolTool } from './jool-commands.ts'
import { sessionExpiry } from './jool-sessions.ts'
import { nat64ctlText } from './nat64ctl-text.ts'

const file = '/etc/nat64/nat64.config'
/** A terminal takes 4095 characters at once. */
const lineLimit = 3000

/** What an administrator does: writes the configuration and has it applied. */
export function nat64ctlSetup(engine: Engine, mode: Mode, router: RouterDriver): TranslatorSetup {
  // TAYGA and an isolated Jool have the router before and behind them.
  const apart = engine === 'tayga' || mode === 'isolated'
  const must = async (command: string): Promise<void> => {
    const { status, output } = await router.run(command, 60_000)
    if (status !== 0) throw new CheckFailed(`on the router: ${command.slice(0, 200)}: exit status ${String(status)}: ${output.slice(-300)}`)
  }
  const apply = async (text: string): Promise<void> => {
    await must(`: > ${file}`)
    for (const chunk of chunks(text)) await must(`printf '%s\\n' ${chunk.map((line) => `'${line}'`).join(' ')} >> ${file}`)
    await must('nat64ctl apply')
  }
  return {
    name: `nat64ctl-${engine}-${mode}`, engine, mode,
    hops: apart ? 3 : 1,
    own: { v6: topology.v6.router, v4: topology.v4.router }, queues: apart ? 2 : 0, mtu: mode === 'isolated' ? 9216 : topology.v6.mtu,
    missing: async (kind) => {
      if (kind === 'nat64' && engine === 'tayga') return 'TAYGA is stateless'
      const { status } = await router.run(`command -v nat64ctl && command -v ${engine === 'tayga' ? 'tayga' : joolTool(kind)}`)
      return status === 0 ? undefined : `no nat64ctl or no ${engine} here`
    },
    apply: async (config) => { await apply(nat64ctlText(config, engine, mode)) },
    remove: async () => { await apply('') },
    sessionExpiry: async (protocol, inside, insidePort) => await sessionExpiry(router, '', 'instance-100', { protocol, inside, insidePort }),
  }
}

function chunks(text: string): string[][] {
  const all: string[][] = []
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const last = all.at(-1)
    if (last !== undefined && last.join('').length + line.length + 3 * last.length < lineLimit) last.push(line)
    else all.push([line])
  }
  return all
}
