import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { stages } from '../pipeline/stages.ts'
import { loadTarget } from '../pipeline/target.ts'
import { projectDir } from './build.ts'

export async function listTargets({ json = false }: { json?: boolean }): Promise<void> {
  const dir = join(projectDir, 'images/targets')
  const rows = []
  for (const name of (await readdir(dir)).filter((file) => file.endsWith('.yaml')).sort()) {
    const { target, file } = await loadTarget(join(dir, name), stages)
    rows.push({ name: target.target, suite: target.suite, architecture: target.architecture, description: target.description, file })
  }
  if (json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`)
  else for (const row of rows) process.stdout.write(`${row.name.padEnd(14)} ${row.suite.padEnd(10)} ${row.architecture.padEnd(8)} ${row.description}\n`)
}
