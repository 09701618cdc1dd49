import { CheckSkipped, demand } from '../../checks/check.ts'
import { topology } from '../../lab/topology.ts'
import { apply, configFile, demandSettled, must, putFile } from '../nat64ctl.ts'
import { scenarios } from '../scenario.ts'
import { demandEchoed } from '../traffic.ts'

export const randomScenarios = scenarios([
  {
    id: 'random-configurations',
    title: 'random configurations, one after another: each is applied to the kernel, and nothing is left to do',
    run: async (context) => {
      const { router, randomConfigurations } = context
      if (randomConfigurations.length === 0) throw new CheckSkipped('there are none')
      let operations = 0
      for (const [index, text] of randomConfigurations.entries()) {
        await putFile(router, configFile, text)
        const { status, output } = await router.run('nat64ctl apply 2>&1 >/dev/null', 600_000)
        demand(status === 0, `configuration ${String(index + 1)}: exit status ${String(status)}: ${output.slice(-400)}`)
        operations += output.split('\n').length
        await demandSettled(router).catch((error: unknown) => { throw new Error(`configuration ${String(index + 1)}: ${String(error)}`) })
      }
      await must(router, 'nat64ctl apply /dev/null', 600_000)
      const left = await must(router, 'ip netns list; ip -o link show type veth; ip -o link show type tun; jool instance display --csv | grep -e instance- -e nat46- || true')
      demand(left === '', `after the last: ${left.slice(0, 300)}`)
      await apply(router, ['nat64 source rule 100 source prefix 64:ff9b::/96', `nat64 source rule 100 translation pool 1 address ${topology.pool4}`, 'nat64 source rule 100 translation pool 1 port 1024-65535'])
      await demandEchoed(context, 'after all of them')
      return `${String(randomConfigurations.length)} configurations, some ${String(operations)} operations; each diff was empty, nothing was left at the end, packets flow`
    },
  },
])
