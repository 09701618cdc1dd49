import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exec, median, projectDir, rounded, type Measure } from './figure.ts'
import { withRouter, type BenchRouter } from './lab/router.ts'

const mappings = 10_000
/** A rule, its pool and its description; and five a mapping. */
const lines = 4 + 5 * mappings
const rounds = 5
/** Of mapping 5000: no other has the port that it gets. */
const [port, otherPort] = [6023, 32000]

/** On a router with 10,000 static mappings: `apply` that has nothing to do, against `check` of the same file; and one that changes a mapping, against that. */
export const applyOfManyMappings: Measure = async (context) => {
  const work = join(context.workDir, 'apply')
  await mkdir(work, { recursive: true })
  const [one, other] = [join(work, 'one.config'), join(work, 'other.config')]
  await exec(['/usr/bin/python3', '-B', '-m', 'support.large_configuration', String(lines)], {
    env: { PYTHONPATH: join(projectDir, 'packaging/nat64ctl/usr/lib/python3/dist-packages') }, cwd: join(projectDir, 'test/python'), stdoutFile: one,
  })
  const text = await readFile(one, 'utf8')
  const otherText = text.replace(`static 5000 outside port '${String(port)}'`, `static 5000 outside port '${String(otherPort)}'`)
  if (otherText === text) throw new Error('the configuration has no mapping 5000 to change')
  await writeFile(other, otherText)
  return await withRouter('apply', context, async (router) => {
    await router.copy(one, '/root/one.config')
    await router.copy(other, '/root/other.config')
    context.say(`apply: ${String(mappings)} mappings for the first time`)
    const first = await secondsOf(router, 'nat64ctl apply /root/one.config')
    const [checks, noops, deltas]: [number[], number[], number[]] = [[], [], []]
    let [now, next] = ['one', 'other']
    for (let round = 0; round < rounds; round += 1) {
      context.say(`apply: round ${String(round + 1)} of ${String(rounds)}`)
      checks.push(await secondsOf(router, `nat64ctl check /root/${now}.config`))
      noops.push(await secondsOf(router, `nat64ctl apply /root/${now}.config`))
      deltas.push(await secondsOf(router, `nat64ctl apply /root/${next}.config`))
      await expectApplied(router, next);
      [now, next] = [next, now]
    }
    const ratio = (some: readonly number[], others: readonly number[]): number => rounded(median(some.map((value, round) => value / (others[round] ?? NaN))))
    const against = `${router.accelerator}; median of ${String(rounds)} rounds`
    return [
      { id: 'apply-noop', value: ratio(noops, checks), unit: 'ratio', against: `at most 1.5; against check of the same ${String(mappings)} static mappings, ${against}` },
      { id: 'apply-delta', value: ratio(deltas, noops), unit: 'ratio', against: `at most 1.5; one mapping changed, against the no-op, ${against}` },
      ...Object.entries({ check: checks, noop: noops, delta: deltas, first: [first] }).map(([name, seconds]) => ({ id: `apply/${name}`, value: rounded(median(seconds)), unit: 's' as const, against: router.accelerator })),
    ]
  })
}

/** Of a command on the router, by its own clock; what it prints does not go over the serial line, unless it fails. */
async function secondsOf(router: BenchRouter, command: string): Promise<number> {
  const output = await router.must(`began=$(date +%s%N) && { ${command} >/tmp/said 2>&1 || { tail -n 20 /tmp/said; false; }; } && echo $(( $(date +%s%N) - began ))`, 600_000)
  return Number(output) / 1e9
}

/** What Jool says, not what nat64ctl says. */
async function expectApplied(router: BenchRouter, name: string): Promise<void> {
  await router.must('for protocol in tcp udp; do jool -i instance-10 bib display --csv --numeric --$protocol || exit; done > /tmp/bib')
  const found = await router.must(`awk -F, '$6 == 1 { all++ } $5 == ${String(otherPort)} { changed++ } END { print all + 0, changed + 0 }' /tmp/bib`)
  const expected = `${String(mappings)} ${name === 'other' ? '1' : '0'}`
  if (found !== expected) throw new Error(`after apply of ${name}.config Jool has ${found} mappings and changed ones, not ${expected}`)
}
