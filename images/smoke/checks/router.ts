import { parseJoolCsv } from '../jool-csv.ts'
import { failurePatterns } from '../lab/console-events.ts'
import { topology } from '../lab/topology.ts'
import { CheckSkipped, demand, type Check, type CheckContext } from './check.ts'
import { awaitTranslation } from './packets.ts'

export const kernel: Check = async ({ driver, expected }) => {
  const { output: release } = await driver.run('uname -r')
  if (expected.kernelRelease === undefined) throw new CheckSkipped(`${release} runs; nothing says which kernel this image is to have`)
  demand(release === expected.kernelRelease, `uname -r is ${release}, the modules are for ${expected.kernelRelease}`)
  return release
}

/** Both must say so: a kernel can be locked down without Secure Boot, and start under it without locking itself down. */
export const lockdown: Check = async (context) => {
  const level = /\[(\w+)\]/.exec(await must('cat /sys/kernel/security/lockdown', context))?.[1] ?? 'unknown'
  demand(level === 'integrity' || level === 'confidentiality', `the kernel's lockdown is "${level}"`)
  const log = await must('journalctl -b -k -o cat --no-pager | grep -i "secure \\?boot"', context)
  demand(/secure boot enabled/i.test(log), `the kernel's log does not say that Secure Boot is enabled: ${log.slice(0, 200)}`)
  return `lockdown is "${level}", and the kernel says: ${log.split('\n').find((line) => /secure boot enabled/i.test(line)) ?? ''}`
}

/** Tools and modules of different versions speak different netlink: they must be the same, and the ones we built. */
export const modules: Check = async (context) => {
  const { driver, timeline, expected } = context
  const tools = version((await driver.run('jool --version')).output)
  demand(expected.joolVersion === undefined || tools === version(expected.joolVersion), `Jool's tools are ${tools}, ${String(expected.joolVersion)} was built`)
  const loaded = await loadedModules(context)
  for (const name of ['jool_common', 'jool']) {
    demand(loaded.includes(name), `${name} is not loaded`)
    demandVersion(name, await moduleVersion(name, context), tools)
  }
  timeline.record({ kind: 'module-loaded', module: 'jool' })
  return `jool_common, jool, ${await siit(context, tools, loaded.includes('jool_siit'))} and the tools are ${tools}`
}

/** Nothing in the lab needs jool_siit: it is loaded to see that it can be, and unloaded again. */
async function siit(context: CheckContext, tools: string, loaded: boolean): Promise<string> {
  if ((await context.driver.run('modinfo jool_siit')).status !== 0) return '(no jool_siit here)'
  if (!loaded) await must('modprobe jool_siit', context)
  demandVersion('jool_siit', await moduleVersion('jool_siit', context), tools)
  if (loaded) return 'jool_siit'
  await must('modprobe -r jool_siit', context)
  const left = await loadedModules(context)
  demand(!left.includes('jool_siit'), 'modprobe -r left jool_siit loaded')
  demand(left.includes('jool'), 'modprobe -r jool_siit unloaded jool')
  return 'jool_siit (loaded, unloaded)'
}

export const unload: Check = async (context) => {
  try {
    const { status, output } = await context.driver.stopTranslator()
    demand(status === 0, `stopping NAT64: exit status ${String(status)}: ${output.slice(-200)}`)
    await must('modprobe -r jool', context)
    const left = (await loadedModules(context)).filter((name) => name.startsWith('jool'))
    demand(left.length === 0, `still loaded: ${left.join(', ')}`)
  } finally {
    await context.driver.startTranslator()
  }
  await awaitTranslation(context)
  return 'unloaded; packets flow again after a new start'
}

async function loadedModules({ driver }: CheckContext): Promise<string[]> {
  return (await driver.run('cut -d" " -f1 /proc/modules')).output.split('\n')
}

/** What the loaded module says, not the file: an old one stays loaded until it is unloaded. */
async function moduleVersion(name: string, context: CheckContext): Promise<string> {
  return version((await must(`cat /sys/module/${name}/version`, context)))
}

function demandVersion(name: string, module: string, tools: string): void {
  demand(module === tools, `${name} is ${module}, the tools are ${tools}`)
}

/** "4.1.13.0" and "4.1.13" are one version: Jool's tools and modules write it differently. */
function version(text: string): string {
  const match = /(\d+\.\d+\.\d+)/.exec(text)
  return match?.[1] ?? text.trim()
}

async function must(command: string, { driver }: CheckContext): Promise<string> {
  const { status, output } = await driver.run(command)
  demand(status === 0, `${command}: exit status ${String(status)}: ${output.slice(-200)}`)
  return output
}

export const units: Check = async (context) => {
  const output = await must('systemctl --failed --no-legend --plain --no-pager', context)
  demand(output.trim() === '', `failed: ${output.trim().split('\n').map((line) => line.split(' ')[0]).join(', ')}`)
  return 'systemctl --failed is empty'
}

/** The console is told about the worst only; the journal's kernel part has everything of this boot. */
export const kernelLog: Check = async ({ driver, timeline }) => {
  const onConsole = timeline.takeFailures()
  const { status, output } = await driver.run('journalctl -b -k -o cat --no-pager || dmesg', 120_000)
  // An empty log would be without failures too.
  demand(status === 0 && output.includes('Linux version'), `the kernel's log cannot be read (exit status ${String(status)}): ${output.slice(0, 200) || 'empty'}`)
  const inLog = output.split('\n').flatMap((line) => failurePatterns.filter(({ pattern }) => pattern.test(line)).map(({ what }) => ({ what, line: line.trim() })))
  const all = [...onConsole, ...inLog]
  demand(all.length === 0, all.slice(0, 3).map(({ what, line }) => `${what}: ${line}`).join('; '))
  return `${String(output.split('\n').length)} kernel messages, none of these`
}

/** The router's own view of the parallel connections: one established session each. */
export async function sessionsShown({ driver }: CheckContext, opened: number): Promise<string> {
  const { status, output } = await driver.run(`jool -i ${driver.instance} session display --tcp --numeric --csv`, 120_000)
  demand(status === 0, `jool session display: exit status ${String(status)}: ${output.slice(-200)}`)
  const established = parseJoolCsv(output).filter((row) => Object.values(row).some((value) => /^established$/i.test(value)))
  const ours = established.filter((row) => Object.values(row).includes(topology.v6.host) && Object.values(row).includes(topology.pool4))
  demand(ours.length >= opened, `${String(ours.length)} established sessions of ${topology.v6.host}, ${String(opened)} connections are open`)
  return `${String(ours.length)} established sessions for ${String(opened)} open connections`
}
