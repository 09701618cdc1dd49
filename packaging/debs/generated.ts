import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bashCompletion } from '../cli-tree/bash-completion.ts'
import { configManPage, programManPage } from '../cli-tree/man-pages.ts'
import { reference } from '../cli-tree/reference.ts'
import { treeJson } from '../cli-tree/tree-json.ts'
import { readCliTree } from '../cli-tree/tree.ts'
import { interfaceDefinitions } from '../cli-tree/vyos/interface-definition.ts'
import { opModeDefinition } from '../cli-tree/vyos/op-definition.ts'
import { opReference } from '../cli-tree/vyos/op-reference.ts'
import { operationalTemplates } from '../cli-tree/vyos/op-templates.ts'
import { readOpTree } from '../cli-tree/vyos/op-tree.ts'
import { referenceCache } from '../cli-tree/vyos/reference-cache.ts'
import { configurationTemplates } from '../cli-tree/vyos/templates.ts'
import { nat64ctlExample, type Content, type GeneratedTree } from './layout.ts'

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

/** The texts of files that are made of the CLI tree, by their paths below the tree's folder. @throws ForgeError E_CLI_TREE */
export async function generatedFiles({ what }: GeneratedTree, projectDir: string): Promise<ReadonlyMap<string, string>> {
  switch (what) {
    case 'vyos/configuration-templates': return configurationTemplates(await readCliTree(projectDir))
    case 'vyos/operational-templates': return operationalTemplates(await readOpTree(projectDir))
    case 'vyos/interface-definitions': return interfaceDefinitions(await readCliTree(projectDir))
    case 'vyos/operational-definitions': return new Map([['nat64.xml', opModeDefinition(await readOpTree(projectDir))]])
    case 'vyos/reference-cache': return new Map([['vyos_nat64_cache.py', referenceCache(await readCliTree(projectDir))]])
    case 'vyos/operational-reference': return new Map([['operational.md', opReference(await readOpTree(projectDir))]])
    default: return what satisfies never
  }
}
