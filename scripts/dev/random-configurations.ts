import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { treeJson } from '../../packaging/cli-tree/tree-json.ts'
import { readCliTree } from '../../packaging/cli-tree/tree.ts'
import type { Exec } from '../lib/exec.ts'

const project = fileURLToPath(new URL('../..', import.meta.url))

/** Valid configurations by chance, each a text that nat64ctl reads; the same ones every time. `workDir` takes the package as it is on a router. */
export async function randomConfigurations(exec: Exec, workDir: string, count: number): Promise<string[]> {
  const dir = join(workDir, 'python')
  await cp(join(project, 'packaging/nat64ctl/usr/lib/python3/dist-packages'), dir, { recursive: true, filter: (path) => !path.endsWith('__pycache__') })
  await writeFile(join(dir, 'nat64ctl/tree.json'), treeJson(await readCliTree(project)))
  const { stdout } = await exec(['/usr/bin/python3', '-B', '-m', 'support.print_configurations', String(count)], { env: { PYTHONPATH: `${dir}:${join(project, 'test/python')}` } })
  return JSON.parse(stdout) as string[]
}
