import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readCatalogue } from '../../kernel/catalogue/catalogue.ts'
import { defaultStore } from '../commands/options.ts'
import { describeError } from '../lib/describe-error.ts'
import { cellsOf } from './matrix/cells.ts'
import { disagreement, record } from './matrix/record.ts'
import { runMatrix, type CellResult } from './matrix/run.ts'
import { readArguments } from './read-arguments.ts'

// Builds Jool's modules for every kernel of the catalogue whose packages are in Debian's archive, and compares with what the
// catalogue says.
//
//   npm run test:matrix                     each row with its Jool
//   npm run test:matrix -- --all            each row with every Jool that Debian has
//   npm run test:matrix -- --record         writes what was found into kernel/catalogue
//   npm run test:matrix -- --only debian-12 --store DIR --json

const { values } = readArguments('npm run test:matrix -- [--all] [--record] …; see the head of scripts/dev/matrix.ts', {
  options: { all: { type: 'boolean', default: false }, record: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, only: { type: 'string' }, store: { type: 'string' } },
})
const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { interrupt.abort() })

const say = (text: string): void => { process.stderr.write(`${text}\n`) }
const workDir = await mkdtemp(join(tmpdir(), 'nat64-forge-matrix-'))
try {
  const cells = cellsOf(await readCatalogue(), { all: values.all, only: values.only })
  if (cells.length === 0) throw new Error(`no row of the catalogue is named ${values.only ?? ''} and has its kernel in the archive`)
  const { results, wallSeconds } = await runMatrix(cells, {
    storeDir: resolve(values.store ?? defaultStore()), workDir, signal: interrupt.signal, onResult: (result) => { say(line(result)) },
  })
  const wrong = results.flatMap((result) => disagreement(result) ?? [])
  if (values.json) process.stdout.write(`${JSON.stringify(results.map(({ cell, ...result }) => ({ row: cell.row.name, suite: cell.suite, joolSuite: cell.joolSuite, ...result })), null, 2)}\n`)
  else process.stdout.write(`${table(results)}\n`)
  say(`${wallSeconds.toFixed(0)} s, the sum of the parts is ${results.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(0)} s`)
  if (values.record) await record(results)
  else for (const text of wrong) say(`the catalogue disagrees: ${text}`)
  if (wrong.length > 0 && !values.record) say('next: npm run test:matrix -- --record, then read the difference')
  const built = results.some(({ verdict }) => verdict === 'built')
  if (!built) say('nothing was built: look at the mirror in the host\'s apt configuration')
  if (!built || (values.record ? results.some(({ verdict }) => verdict === 'broken') : wrong.length > 0)) process.exitCode = 1
} catch (error) {
  say(describeError(error))
  process.exitCode = 1
} finally {
  await rm(workDir, { recursive: true, force: true })
}

function table(results: readonly CellResult[]): string {
  const rows = [['kernel line', 'release', 'Jool', 'result', 'seconds', 'CRCs'], ...results.map((result) => [
    result.cell.row.name, result.release || '-', result.jool || `of ${result.cell.joolSuite}`, result.verdict, result.seconds.toFixed(0), result.verdict === 'built' ? String(result.crcsChecked) : '',
  ])]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n')
}

function line({ cell, verdict, release, jool, seconds, words }: CellResult): string {
  return `${cell.row.name}: Jool ${jool || `of ${cell.joolSuite}`} for ${release || 'its kernel'}: ${verdict} (${seconds.toFixed(0)} s)${words === '' ? '' : `\n  ${words.replaceAll('\n', '\n  ')}`}`
}
