import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bashCompletion } from '../cli-tree/bash-completion.ts'
import { configManPage, programManPage } from '../cli-tree/man-pages.ts'
import { reference } from '../cli-tree/reference.ts'
import { treeJson } from '../cli-tree/tree-json.ts'
import { readCliTree } from '../cli-tree/tree.ts'
import { nat64ctlExample, type Content } from './layout.ts'

/** The text of a file that is made of the router's CLI tree. @throws ForgeError E_CLI_TREE */
export async function generatedText({ what, edition }: Content & { kind: 'generated' }, projectDir: string): Promise<string> {
  const tree = await readCliTree(projectDir)
  const example = (): Promise<string> => readFile(join(projectDir, nat64ctlExample), 'utf8')
  switch (what) {
    case 'tree.json': return treeJson(tree)
    case 'reference': return reference(tree, await example())
    case 'nat64.config.5': return configManPage(tree, await example(), edition)
    case 'nat64ctl.8': return programManPage(edition)
    case 'bash-completion': return bashCompletion()
    default: return what satisfies never
  }
}
