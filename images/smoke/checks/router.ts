import { parseJoolCsv } from '../jool-csv.ts'
import { failurePatterns } from '../lab/console-events.ts'
import { topology } from '../lab/topology.ts'
import { demand, type Check, type CheckContext } from './check.ts'

export const kernel: Check = async ({ driver, expected }) => {
  const { output: release } = await driver.run('uname -r')
  demand(expected.kernelRelease === undefined || release === expected.kernelRelease, `uname -r is ${release}, the modules are for ${String(expected.kernelRelease)}`)
  return release
}

/** Tools and modules of different versions speak different netlink: they must be the same, and the ones we built. */
export const modules: Check = async ({ driver, timeline, expected }) => {
  const { output: loaded } = await driver.run('cut -d" " -f1 /proc/modules')
  for (const name of ['jool_common', 'jool']) demand(loaded.split('\n').includes(name), `${name} is not loaded`)
  timeline.record({ kind: 'module-loaded', module: 'jool' })
  const module = version((await driver.run('cat /sys/module/jool/version || modinfo -F version jool')).output)
  const tools = version((await driver.run('jool --version')).output)
  demand(module === tools, `the module is ${module}, the tools are ${tools}`)
  demand(expected.joolVersion === undefined || sameVersion(module, expected.joolVersion), `Jool ${module} runs, ${String(expected.joolVersion)} was built`)
  return `jool, jool_common ${module}; tools ${tools}`
}

/** "4.1.13.0" and "4.1.13" are one version: Jool's tools and modules write it differently. */
function sameVersion(a: string, b: string): boolean {
  const numbers = (text: string): string => version(text)
  return numbers(a) === numbers(b)
}

function version(text: string): string {
  const match = /(\d+\.\d+\.\d+)/.exec(text)
  return match?.[1] ?? text.trim()
}

export const units: Check = async ({ driver }) => {
  const { output } = await driver.run('systemctl --failed --no-legend --plain --no-pager')
  demand(output.trim() === '', `failed: ${output.trim().split('\n').map((line) => line.split(' ')[0]).join(', ')}`)
  return 'systemctl --failed is empty'
}

/** The console is told about the worst only; the journal's kernel part has everything. */
export const kernelLog: Check = async ({ driver, timeline }) => {
  const { output } = await driver.run('journalctl -b -k -o cat --no-pager || dmesg', 120_000)
  const inLog = output.split('\n').flatMap((line) => failurePatterns.filter(({ pattern }) => pattern.test(line)).map(({ what }) => ({ what, line: line.trim() })))
  const all = [...timeline.failures, ...inLog]
  demand(all.length === 0, all.slice(0, 3).map(({ what, line }) => `${what}: ${line}`).join('; '))
  return `${String(output.split('\n').length)} kernel messages, none of these`
}

/** The router's own view of the parallel connections: one established session each. */
export async function sessionsShown({ driver }: CheckContext, opened: number): Promise<string> {
  const { status, output } = await driver.run(`jool -i ${topology.instance} session display --tcp --numeric --csv`, 120_000)
  demand(status === 0, `jool session display: exit status ${String(status)}: ${output.slice(-200)}`)
  const established = parseJoolCsv(output).filter((row) => Object.values(row).some((value) => /^established$/i.test(value)))
  const ours = established.filter((row) => Object.values(row).includes(topology.v6.host) && Object.values(row).includes(topology.pool4))
  demand(ours.length >= opened, `${String(ours.length)} established sessions of ${topology.v6.host}, ${String(opened)} connections are open`)
  return `${String(ours.length)} established sessions for ${String(opened)} open connections`
}
