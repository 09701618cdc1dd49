import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { treeJson } from '../../packaging/cli-tree/tree-json.ts'
import { readCliTree } from '../../packaging/cli-tree/tree.ts'
import { temporaryFolder } from './temporary-folder.ts'

const projectDir = fileURLToPath(new URL('../..', import.meta.url))

/** A folder for PYTHONPATH with the packages `nat64ctl` and `vyos_nat64` as they are on a router: the Python, and the table that is made of the CLI tree. */
export async function nat64ctlPackage(): Promise<string> {
  const dir = await temporaryFolder()
  for (const name of ['nat64ctl', 'vyos-nat64']) {
    await cp(join(projectDir, `packaging/${name}/usr/lib/python3/dist-packages`), dir, { recursive: true, filter: (path) => !path.endsWith('__pycache__') })
  }
  await writeFile(join(dir, 'nat64ctl/tree.json'), treeJson(await readCliTree(projectDir)))
  return dir
}
