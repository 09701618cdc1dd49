import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { readCatalogue } from '../../kernel/catalogue/catalogue.ts'
import type { CatalogueRow } from '../../kernel/catalogue/row.ts'
import { stages } from '../pipeline/stages.ts'
import { loadTarget } from '../pipeline/target.ts'
import { projectDir } from './build.ts'

/** Targets that can be built as they are, and the kernels that a target of one's own may be for. */
export async function listTargets({ json = false }: { json?: boolean }): Promise<void> {
  const [targets, kernels] = await Promise.all([shippedTargets(), readCatalogue()])
  if (json) {
    process.stdout.write(`${JSON.stringify({ targets, kernels }, null, 2)}\n`)
    return
  }
  const lines = [
    'Targets, for --target:',
    ...targets.map((row) => `${row.name.padEnd(22)}${row.suite.padEnd(10)} ${row.architecture.padEnd(8)} ${row.description}`),
    '', 'Kernels, for a target of your own:', ...kernels.flatMap(describeKernel),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

export async function shippedTargets(): Promise<{ name: string; suite: string; architecture: string; description: string; file: string }[]> {
  const dir = join(projectDir, 'images/targets')
  const names = (await readdir(dir)).filter((file) => file.endsWith('.yaml')).sort()
  return Promise.all(names.map(async (name) => {
    const { target, file } = await loadTarget(join(dir, name), stages)
    return { name: target.target, suite: target.suite, architecture: target.architecture, description: target.description, file }
  }))
}

const signatures: Record<CatalogueRow['signing'], string> = { off: 'not checked', any: 'not required', forced: 'required' }
const verified: Record<CatalogueRow['verified'], string> = { no: 'not verified', built: 'verified: built', loaded: 'verified: built, loaded, passed packets' }

/** One row as lines of text. */
export function describeKernel(row: CatalogueRow): string[] {
  const indent = ' '.repeat(22)
  return [
    `${row.name.padEnd(22)}${row.title}; ${verified[row.verified]}`,
    `${indent}Jool ${row.jool}, built in ${row.suite ?? `${row.base} (no longer in the archive)`}; module signatures ${signatures[row.signing]}`,
    `${indent}needs ${row.needs}`,
    ...row.failures.map(({ jool, release, words }) => `${indent}Jool ${jool} does not compile for ${release}: ${words.split('\n')[0] ?? ''}`),
  ]
}
