import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'

/** A package as apt sees it: the fields of its control paragraph. */
export type Control = Record<string, string>

/** Reads one control paragraph; `${…}` substitutions become nothing. */
export function parseControl(text: string): Control {
  const fields: Control = {}
  for (const field of text.replace(/\$\{[^}]*\}(, )?/g, '').trim().split(/\n(?! )/)) {
    const colon = field.indexOf(':')
    fields[field.slice(0, colon)] = field.slice(colon + 1).trim()
  }
  return fields
}

export interface Answer {
  exitStatus: number
  /** What apt would put on the disk, and in which version: `jool-tools 4.1.13+forge1-1`. */
  installs: string[]
  removes: string[]
  output: string
}

/**
 * apt's own opinion of an installation that exists on paper only: a status file, a repository index, no root and no network.
 * `automatic` names what was not asked for by a person.
 */
export async function askApt(situation: { installed: readonly Control[]; automatic?: readonly string[]; available: readonly Control[] }, args: readonly string[]): Promise<Answer> {
  const dir = await mkdtemp(join(tmpdir(), 'private-apt-'))
  try {
    for (const folder of ['etc/apt/preferences.d', 'etc/apt/apt.conf.d', 'etc/apt/trusted.gpg.d', 'lists/partial', 'cache/archives/partial', 'state', 'repo', 'log']) mkdirSync(join(dir, folder), { recursive: true })
    writeFileSync(join(dir, 'state/status'), situation.installed.map((control) => render({ ...control, Status: 'install ok installed' })).join('\n'))
    writeFileSync(join(dir, 'state/extended_states'), (situation.automatic ?? []).map((name) => `Package: ${name}\nArchitecture: amd64\nAuto-Installed: 1\n`).join('\n'))
    writeFileSync(join(dir, 'repo/Packages'), situation.available.map((control) => render({
      ...control, Filename: `./${String(control['Package'])}.deb`, Size: '1000', SHA256: 'a'.repeat(64),
    })).join('\n'))
    writeFileSync(join(dir, 'etc/apt/sources.list'), `deb [trusted=yes] copy:${dir}/repo ./\n`)
    writeFileSync(join(dir, 'apt.conf'), [
      // Before anything else is read: the host's own configuration must not count.
      ['Dir::Etc', `${dir}/etc/apt`], ['Dir::State', `${dir}/state`], ['Dir::State::status', `${dir}/state/status`], ['Dir::State::extended_states', `${dir}/state/extended_states`],
      ['Dir::State::lists', `${dir}/lists`], ['Dir::Cache', `${dir}/cache`], ['Dir::Log', `${dir}/log`], ['Debug::NoLocking', 'true'], ['APT::Architecture', 'amd64'],
      ['APT::Sandbox::User', 'root'],
    ].map(([name, value]) => `${String(name)} "${String(value)}";\n`).join('') + '#clear APT::Architectures;\nAPT::Architectures { "amd64"; };\n')

    const exec = createExec({ log: silentLog })
    const env = { APT_CONFIG: join(dir, 'apt.conf') }
    await exec(['apt-get', '-q', 'update'], { env, doing: 'read the made-up repository' })
    const { stdout, stderr, exitStatus } = await exec(['apt-get', '-q', '-s', ...args], { env, okStatus: [0, 1, 100] })
    const lines = stdout.split('\n')
    return {
      exitStatus,
      installs: lines.flatMap((line) => { const match = /^Inst (\S+) (?:\[\S+\] )?\((\S+)/.exec(line); return match ? [`${String(match[1])} ${String(match[2])}`] : [] }).sort(),
      removes: lines.flatMap((line) => { const match = /^(?:Remv|Purg) (\S+)/.exec(line); return match ? [String(match[1])] : [] }).sort(),
      output: stdout + stderr,
    }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

function render(control: Control): string {
  return Object.entries(control).map(([name, value]) => `${name}: ${value}\n`).join('')
}
