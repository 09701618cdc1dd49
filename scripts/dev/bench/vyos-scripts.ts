import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { exec, median, projectDir, rounded, type Measure } from './figure.ts'
import { installedPython } from './nat64ctl.ts'

const mappings = 100
const entries = 1000
const rounds = 21

/** The script of a commit on VyOS, against nat64ctl's own apply of the same configuration; and an operational command: processes on this machine, with a jool that was recorded. */
export const vyosScripts: Measure = async (context) => {
  const work = join(context.workDir, 'vyos-scripts')
  await mkdir(work, { recursive: true })
  const env = { PYTHONPATH: [await installedPython(join(work, 'packages')), join(projectDir, 'test/python')].join(':') }
  const script = join(projectDir, 'test/python/support/recorded_vyos.py')
  await exec(['/usr/bin/python3', '-B', script, 'make', work, String(mappings), String(entries)], { env })
  context.say(`commit-overhead, op-command: ${String(rounds)} rounds`)
  const { stdout } = await exec(['unshare', '--net', '--mount', '/usr/bin/python3', script, 'measure', work, String(rounds)], { env })
  const { commit, apply, show } = JSON.parse(stdout) as Record<'commit' | 'apply' | 'show', number[]>
  return [
    // The two runs of a round: a machine that becomes slower meanwhile does not make a difference.
    { id: 'commit-overhead', value: rounded(median(commit.map((ms, round) => ms - (apply[round] ?? NaN))), 1), unit: 'ms', against: `at most 30; median of ${String(rounds)} rounds, ${String(mappings)} static mappings, nothing to change` },
    { id: 'commit-overhead/commit', value: rounded(median(commit), 1), unit: 'ms', against: '' },
    { id: 'commit-overhead/apply', value: rounded(median(apply), 1), unit: 'ms', against: '' },
    { id: 'op-command', value: rounded(median(show), 1), unit: 'ms', against: `at most 150; median of ${String(rounds)} rounds, ${String(entries)} entries` },
  ]
}
