import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { treeJson } from '../../../packaging/cli-tree/tree-json.ts'
import { readCliTree } from '../../../packaging/cli-tree/tree.ts'
import { exec, median, projectDir, rounded, timed, type Measure } from './figure.ts'

const rounds = 5

/** `nat64ctl check` of 100,000 `set` lines, the start of Python included: one rule, a pool, and 20,000 static mappings. */
export const check100k: Measure = async (context) => {
  const packages = join(context.workDir, 'python')
  const file = join(context.workDir, 'large.config')
  await cp(join(projectDir, 'packaging/nat64ctl/usr/lib/python3/dist-packages'), packages, { recursive: true })
  await writeFile(join(packages, 'nat64ctl/tree.json'), treeJson(await readCliTree(projectDir)))
  const env = { PYTHONPATH: packages }
  const { stdout } = await exec(['/usr/bin/python3', '-m', 'support.large_configuration', '100000'], { cwd: join(projectDir, 'test/python'), env })
  await writeFile(file, stdout)
  const seconds: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    context.say(`check-100k: round ${String(round + 1)} of ${String(rounds)}`)
    seconds.push((await timed(() => exec(['/usr/bin/python3', '-m', 'nat64ctl', 'check', file], { env, timeoutMs: 60_000 }))).seconds)
  }
  return [{ id: 'check-100k', value: rounded(median(seconds)), unit: 's', against: `at most 3 s; median of ${String(rounds)}` }]
}
