import { gzipSync } from 'node:zlib'
import { CheckFailed, demand } from '../checks/check.ts'
import { mustAll } from '../conformance/setups/router-commands.ts'
import type { CommandResult, RouterDriver } from '../drivers/router-driver.ts'

/** Where nat64.service reads. */
export const configFile = '/etc/nat64/nat64.config'
const digits = 2000
const applyMs = 240_000

/** Runs one command that has to succeed. @throws CheckFailed with the router's words */
export async function must(router: RouterDriver, command: string, timeoutMs?: number): Promise<string> {
  const { status, output } = await router.run(command, timeoutMs)
  if (status !== 0) throw new CheckFailed(`on the router: ${command.slice(0, 200)}: exit status ${String(status)}: ${output.slice(-400)}`)
  return output
}

/** No service's translator beside nat64ctl's; and what the interfaces with these hardware addresses are called there. @throws CheckFailed */
export async function prepare(router: RouterDriver, macs: { v6: string; v4: string }): Promise<{ v6: string; v4: string }> {
  await must(router, 'systemctl stop jool jool_siit 2>/dev/null; ! jool instance display --csv 2>/dev/null | grep netfilter')
  const nameOf = async (mac: string): Promise<string> => (await must(router, `ip -o link | awk -F': ' '/${mac}/{print $2}'`)).trim()
  return { v6: await nameOf(macs.v6), v4: await nameOf(macs.v4) }
}

/** Any text, also one that a shell would not take as it is. @throws CheckFailed */
export async function putFile(router: RouterDriver, path: string, text: string): Promise<void> {
  const packed = gzipSync(text).toString('base64')
  const pieces = packed.match(new RegExp(`.{1,${String(digits)}}`, 'g')) ?? []
  await mustAll(router, [`: > ${path}.packed`, ...pieces.map((piece) => `echo ${piece} >> ${path}.packed`), `base64 -d ${path}.packed | gunzip > ${path}`, `rm ${path}.packed`])
}

/** `set` lines, without the word. @throws CheckFailed */
export async function configure(router: RouterDriver, lines: readonly string[], path = configFile): Promise<void> {
  await putFile(router, path, lines.map((line) => `set ${line}\n`).join(''))
}

/** Writes a configuration and has it applied. @throws CheckFailed with nat64ctl's words */
export async function apply(router: RouterDriver, lines: readonly string[]): Promise<void> {
  await configure(router, lines)
  await must(router, 'nat64ctl apply', applyMs)
}

/** What `diff` would do now: empty when the router is as the file says. @throws CheckFailed */
async function diff(router: RouterDriver, path = configFile): Promise<string> {
  return (await must(router, `nat64ctl diff ${path} 2>/dev/null`, applyMs)).trim()
}

/** @throws CheckFailed when there is something to do */
export async function demandSettled(router: RouterDriver, path = configFile): Promise<void> {
  const left = await diff(router, path)
  demand(left === '', `nat64ctl diff still says: ${left.replace(/\n/g, '; ').slice(0, 300)}`)
}

/** What a command prints as JSON. @throws CheckFailed */
export async function json(router: RouterDriver, command: string): Promise<unknown> {
  const output = await must(router, `${command} 2>/tmp/said || { cat /tmp/said; false; }`, applyMs)
  try {
    return JSON.parse(output) as unknown
  } catch {
    throw new CheckFailed(`${command} printed no JSON: ${output.slice(0, 200)}`)
  }
}

/** Takes translation away, and what scenarios leave behind; what was never there is gone too. */
export async function cleanUp(router: RouterDriver): Promise<CommandResult> {
  await router.run(`rm -rf /usr/local/sbin/* /run/fault; nft delete table inet scenario 2>/dev/null; systemctl stop nat64 2>/dev/null; : > ${configFile}`)
  return await router.run('nat64ctl apply /dev/null', applyMs)
}
