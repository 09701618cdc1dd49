import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { isErrno } from '../lib/errors.ts'
import { buildReport } from '../pipeline/report/report.ts'
import { stages } from '../pipeline/stages.ts'
import { targetSchema } from '../pipeline/target.ts'

// The published JSON Schemas, from the same definitions that check what people write.
//
//   npm run schemas              writes them
//   npm run schemas -- --check   fails when they are stale

/** Paths relative to the project, and what must be in them. */
export function schemaFiles(): Record<string, string> {
  return {
    'images/targets/target.schema.json': publish('A target of nat64-forge', 'What to build: Jool\'s sources, a kernel, packages, a router image and its test.', targetSchema(stages)),
    'images/targets/report.schema.json': publish('report.json of nat64-forge', 'What was built, how long it took, and whether the router passed packets.', buildReport),
  }
}

/** The files that are not as they should be. */
export async function staleSchemas(projectDir: string): Promise<string[]> {
  const stale = []
  for (const [path, text] of Object.entries(schemaFiles())) if (await read(join(projectDir, path)) !== text) stale.push(path)
  return stale
}

// As a person writes it: what has a default may be left out.
function publish(title: string, description: string, schema: z.ZodType): string {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return `${JSON.stringify({ $schema, title, description, ...rest }, null, 2)}\n`
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

async function main(check: boolean): Promise<void> {
  const projectDir = fileURLToPath(new URL('../..', import.meta.url))
  const stale = await staleSchemas(projectDir)
  if (check) {
    for (const path of stale) process.stderr.write(`${path} is stale: run \`npm run schemas\`\n`)
    process.exitCode = stale.length > 0 ? 1 : 0
    return
  }
  const files = schemaFiles()
  for (const path of stale) await writeFile(join(projectDir, path), files[path] ?? '')
  for (const path of Object.keys(files)) process.stderr.write(`${path} ${stale.includes(path) ? 'written' : 'is up to date'}\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.includes('--check'))
