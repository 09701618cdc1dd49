import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CheckFailed, demand } from '../../images/smoke/checks/check.ts'
import { topology } from '../../images/smoke/lab/topology.ts'
import { must, putFile } from '../../images/smoke/scenarios/nat64ctl.ts'
import { scenarios, type ScenarioContext } from '../../images/smoke/scenarios/scenario.ts'
import { demandEchoed, echoed } from '../../images/smoke/scenarios/traffic.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'

const project = fileURLToPath(new URL('../..', import.meta.url))
/** On the router, the project's own layout: the scripts, and the stand-in for VyOS's library that they are run over. */
const there = '/tmp/nat64-forge'
const taken = ['packaging/vyos-nat64/usr', 'test/python/fake_router.py', 'test/python/refusals.py', 'test/python/support/__init__.py', 'test/python/support/vyos_scripts.py', 'test/python/vyos']
const python = `cd ${there}/test/python && PYTHONPATH=.:${there}/packaging/vyos-nat64/usr/lib/python3/dist-packages python3 -B`
const runner = `import sys
from support import vyos_scripts
success, text = getattr(vyos_scripts, sys.argv[1])(sys.argv[2], vyos_scripts.dictionary(open('${there}/lines').read()))
print(text)
sys.exit(not success)
`
const rule = ['nat64 source rule 100 source prefix 64:ff9b::/96', `nat64 source rule 100 translation pool 10 address ${topology.pool4}`, 'nat64 source rule 100 translation pool 10 port 61001-65535', 'nat64 source rule 100 mode isolated']

/** A commit as VyOS makes it: by its daemon, which imports the script, or the script run as a program. */
async function commit({ router }: ScenarioContext, way: 'by_configd' | 'executed', lines: readonly string[]): Promise<{ accepted: boolean; text: string }> {
  await putFile(router, `${there}/lines`, lines.map((line) => `set ${line}\n`).join(''))
  const { status, output } = await router.run(`${python} ${there}/run.py ${way} nat64`, 240_000)
  if (status > 1) throw new CheckFailed(`the script ended with ${String(status)}: ${output.slice(-400)}`)
  return { accepted: status === 0, text: output }
}

async function demandAccepted(context: ScenarioContext, way: 'by_configd' | 'executed', lines: readonly string[]): Promise<void> {
  const { accepted, text } = await commit(context, way, lines)
  demand(accepted, `${lines.join('; ')}: refused: ${text.slice(-400)}`)
}

/** What VyOS's own command line did to the scripts, over a stand-in for VyOS's library, with a real Jool and real packets. */
export const vyosScripts = scenarios([
  {
    id: 'vyos-scripts',
    title: 'the scripts for VyOS: a commit translates, a live change and a refusal keep it so, operational commands show it, without the root it ends',
    run: async (context) => {
      const { router } = context
      const { stdout } = await createExec({ log: silentLog })(['bash', '-c', 'tar --create --exclude=__pycache__ --sort=name "$@" | gzip --no-name | base64 --wrap=0', 'tar', '-C', project, ...taken])
      await must(router, `mkdir -p ${there}`)
      await putFile(router, join(there, 'packed'), stdout)
      await must(router, `cd ${there} && base64 -d packed | tar --extract --gzip`)
      await putFile(router, join(there, 'run.py'), runner)

      await demandAccepted(context, 'by_configd', rule)
      await demandEchoed(context, 'after the first commit')
      const raw = JSON.parse(await must(router, `${python} ${there}/packaging/vyos-nat64/usr/libexec/vyos/op_mode/nat64_nat46.py show_translations --family nat64 --raw`)) as unknown
      demand(JSON.stringify(raw).includes(topology.v6.host), `the translations do not name ${topology.v6.host}: ${JSON.stringify(raw).slice(0, 300)}`)
      await demandAccepted(context, 'executed', rule.map((line) => line.replace('61001-65535', '61001-63000')))
      await demandEchoed(context, 'after a live change')
      const refused = await commit(context, 'by_configd', [...rule.map((line) => line.replace('::/96', '::/95')), 'nat64 source rule 200 disable'])
      demand(!refused.accepted && refused.text.includes('a length of 95') && refused.text.includes('rule 200 source prefix: missing'), `two errors, and the script says: ${refused.text.slice(0, 400)}`)
      await demandEchoed(context, 'after a refused commit')
      await demandAccepted(context, 'executed', [])
      const returned = await echoed(context)
      demand(returned === 0, `${String(returned)} datagrams came back after the root was deleted`)
      return 'imported and executed; packets after each commit and after a refusal, none at the end'
    },
  },
])
