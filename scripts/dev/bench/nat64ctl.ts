import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { treeJson } from '../../../packaging/cli-tree/tree-json.ts'
import { readCliTree } from '../../../packaging/cli-tree/tree.ts'
import { exec, median, projectDir, rounded, timed, type BenchContext, type Figure } from './figure.ts'

const lines = 100_000
const sessions = 100_000
const runs = 3

/** `check` of 100,000 set lines, and the memory of `show translations --json` of 100,000 sessions that a jool printed; both on this machine, without a guest. */
export async function nat64ctlOnLargeData(context: BenchContext): Promise<Figure[]> {
  const work = join(context.workDir, 'nat64ctl')
  await mkdir(work, { recursive: true })
  const packages = await installedPython(join(work, 'packages'))
  return [await check(work, packages, context), await show(work, packages, context)]
}

/** A folder for PYTHONPATH with nat64ctl and what VyOS gets as they are on a router, their own bytecode included. */
export async function installedPython(dir: string): Promise<string> {
  for (const name of ['nat64ctl', 'vyos-nat64']) {
    await cp(join(projectDir, `packaging/${name}/usr/lib/python3/dist-packages`), dir, { recursive: true, filter: (path) => !path.endsWith('__pycache__') })
  }
  await writeFile(join(dir, 'nat64ctl/tree.json'), treeJson(await readCliTree(projectDir)))
  await exec(['/usr/bin/python3', '-m', 'compileall', '-q', dir])
  return dir
}

async function check(work: string, packages: string, context: BenchContext): Promise<Figure> {
  const file = join(work, 'large.config')
  await exec(['/usr/bin/python3', '-B', '-m', 'support.large_configuration', String(lines)], { env: { PYTHONPATH: packages }, cwd: join(projectDir, 'test/python'), stdoutFile: file })
  context.say(`check-100k: ${String(runs)} times ${String(lines)} lines`)
  const seconds: number[] = []
  for (let run = 0; run < runs; run++) {
    seconds.push((await timed(() => exec(['/usr/bin/python3', '-m', 'nat64ctl', 'check', file], { env: { PYTHONPATH: packages } }))).seconds)
  }
  return { id: 'check-100k', value: rounded(median(seconds)), unit: 's', against: 'at most 3' }
}

async function show(work: string, packages: string, context: BenchContext): Promise<Figure> {
  const recorded = [join(projectDir, 'test/python/support/recorded_jool.py')] as const
  const tables = join(work, 'jool')
  const env = { PYTHONPATH: packages }
  await exec(['/usr/bin/python3', '-B', ...recorded, 'make', tables, String(sessions)], { env })
  context.say(`show-100k-rss: ${String(sessions)} sessions`)
  const words = ['run', tables, 'show', 'translations', '--json', '--file', join(work, 'none')] as const
  const output = join(work, 'translations.json')
  const { stderr } = await exec(['/usr/bin/python3', ...recorded, ...words], { env, stdoutFile: output })
  const shown = (JSON.parse(await readFile(output, 'utf8')) as unknown[]).length
  if (shown !== sessions) throw new Error(`show printed ${String(shown)} of ${String(sessions)} sessions`)
  return { id: 'show-100k-rss', value: rounded(Number(stderr.trim()) / 1000, 1), unit: 'MB', against: 'at most 40' }
}
