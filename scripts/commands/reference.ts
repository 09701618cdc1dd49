import { generatedText } from '../../packaging/debs/generated.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { projectDir } from './build.ts'

/** What a router's configuration can say: Markdown for people, or nat64ctl's own table. Both are in its package too. */
export async function printReference({ json = false }: { json?: boolean }): Promise<void> {
  const edition = { date: '', version: packageJson.version }
  process.stdout.write(await generatedText({ kind: 'generated', what: json ? 'tree.json' : 'reference', edition }, projectDir))
}
