import { ForgeError } from '../../../scripts/lib/errors.ts'
import { topology } from '../lab/topology.ts'
import type { CommandResult, RouterDriver } from './router-driver.ts'
import type { SerialShell } from './serial-shell.ts'

const { v6, v4, pool4, pool6 } = topology
const rule = 100

/** Prompts of VyOS's shell. In configuration mode there is a line before, which says where in the tree one is. */
const prompts = { operational: /(?:^|\n)[^\s@]+@[^\s@]+:\S*[$#] $/, configuration: /\[edit[^\]\n]*\]\n[^\s@]+@[^\s@]+# $/ } as const
const anyPrompt = new RegExp(`${prompts.operational.source}|${prompts.configuration.source}`)

/** What the shell says of a line that it does not take. A node that is there already is none of these. */
const refusedLine = /^\s*(?:Set failed|Delete failed|Invalid command: .*|Invalid value|Value validation failed|Configuration path: .* is not valid|Ambiguous command: .*|.*\bcommand not found)\s*$/m
/** `[[nat64]] failed`, below whatever a script has said, and then `Commit failed`. */
const failedCommit = /^\s*(?:Commit failed|\[\[.*\]\] failed|Configuration system temporarily locked.*)\s*$/m
/** Of saving, only what went wrong has words; VyOS 1.3 says `Done`, which later ones do not. */
const failedSave = /^\s*(?:Traceback \(most recent call last\).*|\S*Error\b.*|\[Errno \d+\].*|sudo: .*|.*\bcommand not found|.*: Permission denied)\s*$/m
/** That it is kept is seen where the next boot reads it. */
const kept = `sed -n '/^nat64 {/,/^}/p' /config/config.boot | grep --quiet '^ *rule ${String(rule)} {'`

/** Each node is a process of VyOS's: emulated, the first commit took 90 s on an idle machine, and more than 180 beside another router. */
const commitMs = 600_000

/** The operational script of the package vyos-nat64; VyOS's own nat64 has none. */
const operationalScript = '/usr/libexec/vyos/op_mode/nat64_nat46.py'

export interface VyosFacts {
  /** Names of the interfaces to the IPv6 and the IPv4 side. */
  interfaces: { v6: string; v4: string }
  /** Ports that the router takes for connections of its own: pools may not have them. */
  ephemeralPorts: readonly [number, number]
}

/** What an administrator would type in configuration mode. */
export function vyosLines({ interfaces, ephemeralPorts: [first, last] }: VyosFacts): string[] {
  // The larger part of what is left.
  const ports = first - 1 > 65535 - last ? `1-${String(first - 1)}` : `${String(last + 1)}-65535`
  const source = `set nat64 source rule ${String(rule)}`
  return [
    `set interfaces ethernet ${interfaces.v6} address ${v6.router}/${String(v6.prefixLength)}`,
    `set interfaces ethernet ${interfaces.v4} address ${v4.router}/${String(v4.prefixLength)}`,
    `set protocols static route 0.0.0.0/0 next-hop ${v4.transit}`,
    `${source} source prefix ${pool6}`,
    `${source} translation pool 10 address ${pool4}`,
    `${source} translation pool 10 port ${ports}`,
  ]
}

/**
 * VyOS: configured in its own command line, as its user would; commands of checks run in a root shell below that, which sudo gives an administrator without a password.
 * `show` and the like in VyOS's shell, JSON from the scripts behind them.
 */
export function vyosDriver(shell: SerialShell, login: { user: string; password: string }): RouterDriver {
  /** What reads the next line; `unknown` while something is awaited, and after it did not come. */
  let where: 'operational' | 'root' | 'unknown' = 'unknown'
  let lines: string[] = []
  let disabled = false

  async function toRootShell(): Promise<void> {
    if (where === 'root') return
    await toCommandLine()
    where = 'unknown'
    await shell.plain('sudo')
    where = 'root'
  }

  async function toCommandLine(): Promise<void> {
    if (where === 'operational') return
    const before = where
    where = 'unknown'
    if (before === 'root') {
      await shell.answer('stty echo; exit', prompts.operational, 30_000)
    } else {
      // An empty line changes nothing, wherever it is typed. What was not committed is of a run that has failed; a plain `exit` would refuse to leave it.
      const prompt = await shell.answer('', anyPrompt, 60_000)
      if (!prompts.operational.test(prompt)) await shell.answer('exit discard', prompts.operational, 30_000)
    }
    // Without it a long answer waits for a key.
    await shell.answer('export VYATTA_PAGER=cat', prompts.operational, 30_000)
    where = 'operational'
  }

  async function run(command: string, timeoutMs?: number): Promise<CommandResult> {
    await toRootShell()
    return await shell.run(command, timeoutMs)
  }

  async function must(command: string): Promise<string> {
    const { status, output } = await run(command)
    if (status !== 0) throw new ForgeError('E_BOOT', `on the router: ${command}: exit status ${String(status)}`, { details: output })
    return output
  }

  /** One commit: all of the lines, or none. `save` keeps it for the next boot. */
  async function commit(changes: readonly string[], { save = false } = {}): Promise<CommandResult> {
    await toCommandLine()
    const typed = async (line: string, prompt: RegExp, timeoutMs = 60_000): Promise<string> => said(await shell.answer(line, prompt, timeoutMs))
    where = 'unknown'
    await typed('configure', prompts.configuration)
    const result = await inConfigurationMode(typed, changes, save)
    // Whatever is not committed now is of something that failed.
    await typed('exit discard', prompts.operational)
    const shown = result.status === 0 ? await typed('show configuration commands', prompts.operational) : undefined
    where = 'operational'
    if (shown === undefined) return result
    // The words for a failure are VyOS's to change; what is configured now is a fact.
    const missing = notInForce(changes, shown)
    if (missing.length > 0) return { status: 1, output: [result.output, 'the commit did not say that it failed, and these are not in force:', ...missing].join('\n').trim() }
    if (save && (await run(kept)).status !== 0) return { status: 1, output: [result.output, `after \`save\`, /config/config.boot has no rule ${String(rule)} of nat64`].join('\n').trim() }
    return result
  }

  async function inConfigurationMode(typed: (line: string, prompt: RegExp, timeoutMs?: number) => Promise<string>, changes: readonly string[], save: boolean): Promise<CommandResult> {
    const refusals: string[] = []
    for (const line of changes) {
      const output = await typed(line, prompts.configuration)
      if (refusedLine.test(output)) refusals.push(`${line}\n${output}`)
    }
    if (refusals.length > 0) return { status: 1, output: refusals.join('\n') }
    const output = await typed('commit', prompts.configuration, commitMs)
    if (failedCommit.test(output)) return { status: 1, output }
    if (!save) return { status: 0, output }
    const saved = await typed('save', prompts.configuration, commitMs)
    return failedSave.test(saved) ? { status: 1, output: saved } : { status: 0, output: [output, saved].join('\n').trim() }
  }

  async function factsOf(): Promise<VyosFacts> {
    // VyOS gives interfaces names of its own, by their hardware addresses.
    const named = async (mac: string): Promise<string> => {
      const found = /\/net\/(\S+)\/address/.exec(await must(`grep -lis '^${mac}$' /sys/class/net/eth*/address`))?.[1]
      if (found === undefined) throw new ForgeError('E_BOOT', `the router has no interface with the hardware address ${mac}`)
      return found
    }
    const range = (await must('cat /proc/sys/net/ipv4/ip_local_port_range')).trim().split(/\s+/).map(Number)
    return { interfaces: { v6: await named(v6.mac), v4: await named(v4.mac) }, ephemeralPorts: [range[0] ?? 32768, range[1] ?? 60999] }
  }

  /** Where the package vyos-nat64 is installed, its operational mode has to know the rule: for people, and for programs. */
  async function expectShown(): Promise<void> {
    if ((await run(`test -e ${operationalScript}`)).status !== 0) return
    // A warning of Python's is none of its answer.
    const answer = await must(`${operationalScript} show_rules --family nat64 --raw 2>/dev/null`)
    let rows: unknown
    try {
      rows = JSON.parse(answer)
    } catch (cause) {
      throw new ForgeError('E_BOOT', 'on the router: show_rules --raw answers with what is no JSON', { details: answer, cause })
    }
    if (!Array.isArray(rows) || !rows.some((row: { rule?: unknown }) => row.rule === `nat64-${String(rule)}`)) {
      throw new ForgeError('E_BOOT', `on the router: show_rules --raw knows no rule nat64-${String(rule)}`, { details: JSON.stringify(rows) })
    }
    await toCommandLine()
    const shown = said(await shell.answer('show nat64 source rules', prompts.operational, 60_000))
    if (!shown.includes(`nat64-${String(rule)}`)) throw new ForgeError('E_BOOT', `on the router: "show nat64 source rules" does not show rule ${String(rule)}`, { details: shown })
  }

  return {
    instance: `instance-${String(rule)}`,
    login: async () => {
      await shell.authenticate(login.user, login.password, { says: 'VyOS\'s own are vyos and vyos', hint: 'write smoke.login with user and password of the image, and --target that file' })
      where = 'operational'
      await toRootShell()
      // Until its configuration is loaded, VyOS's shell takes none.
      await shell.run('systemctl is-system-running --wait', commitMs)
    },
    run,
    configure: async () => {
      lines = vyosLines(await factsOf())
      const { status, output } = await commit(lines, { save: true })
      if (status !== 0) throw new ForgeError('E_BOOT', 'the router did not take its configuration', { details: output })
      await expectShown()
    },
    startTranslator: async () => {
      // After a boot that lost the configuration, all of it; what is there already is no error.
      const result = await commit([...lines, ...(disabled ? [`delete nat64 source rule ${String(rule)} disable`] : [])])
      disabled &&= result.status !== 0
      return result
    },
    stopTranslator: async () => {
      const result = await commit([`set nat64 source rule ${String(rule)} disable`])
      disabled = result.status === 0
      return result
    },
    // Booted from its ISO, VyOS keeps /config in memory.
    startsAtBoot: async () => (await run('findmnt --noheadings --output FSTYPE --target /config | grep --quiet --invert-match --extended-regexp "^(tmpfs|overlay)$"')).status === 0,
    reboot: () => {
      shell.leave(where === 'root' ? 'dmesg -n 5; systemctl reboot' : 'reboot now')
      where = 'unknown'
      // It was not saved.
      disabled = false
    },
  }
}

/** Of lines that were committed, those of which `show configuration commands` says something else: values are in quotes there. */
function notInForce(changes: readonly string[], shown: string): string[] {
  const there = shown.split('\n').map((line) => line.replaceAll('\'', '').trim())
  const configured = (path: string): boolean => there.some((line) => line === path || line.startsWith(`${path} `))
  return changes.filter((line) => line.startsWith('delete ') ? configured(line.replace(/^delete/, 'set')) : !configured(line))
}

/** Of what came after a line was typed: without its echo, and without the prompt. */
function said(text: string): string {
  return text.replace(/^[^\n]*\n/, '').replace(/(?:\[edit[^\]\n]*\]\n)?[^\n]*$/, '').trim()
}
