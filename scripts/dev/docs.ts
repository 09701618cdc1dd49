import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command, Option } from 'commander'
import { titles } from '../../images/smoke/checks/catalogue.ts'
import { supportTable } from '../../kernel/modules/support.ts'
import { createProgram } from '../commands/program.ts'
import { errorCodes, exitStatus, type Fault } from '../lib/error-codes.ts'

// The parts of README.md that are lists of what the code has. Each stands between two marks:
//
//   <!-- docs: errors -->
//   <!-- /docs -->
//
//   npm run docs              writes them
//   npm run docs -- --check   fails when they are stale

export const documentFile = 'README.md'

/** The generated parts, by the name in their mark. */
export function sections(): Record<string, string> {
  const program = createProgram(new AbortController().signal)
  return {
    commands: commandTable(program),
    options: optionTable(program),
    support: table(['Jool', 'kernels, as Jool\'s authors claim', 'with our patches', 'tested here'], supportTable.map(({ jool, claimed, patched, verified }) =>
      [jool, claimed.replace(' - ', ' to '), patched?.replace(' - ', ' to ') ?? '', verified.join(', ') || 'none'])),
    checks: table(['id', 'what must hold'], Object.entries(titles).map(([id, title]) => [code(id), title])),
    errors: table(['code', 'exit', 'when', 'what to do'], Object.entries(errorCodes).map(([name, row]) => [code(name), statusOf(name, row.fault), row.meaning, row.remedy])),
  }
}

/** The document with every section as it should be. @throws Error when a mark is missing, unknown or not closed */
export function withSections(text: string, parts: Readonly<Record<string, string>> = sections()): string {
  const seen = new Set<string>()
  const result = text.replace(/<!-- docs: (\S+) -->\n[^]*?<!-- (\/docs|docs: \S+) -->/g, (_, name: string, end: string) => {
    const part = parts[name]
    if (part === undefined || end !== '/docs') throw new Error(part === undefined ? `there is no generated part named ${name}` : `the part ${name} is not closed by <!-- /docs -->`)
    seen.add(name)
    return `<!-- docs: ${name} -->\n${part}<!-- /docs -->`
  })
  const missing = Object.keys(parts).filter((name) => !seen.has(name))
  if (missing.length > 0) throw new Error(`no mark for ${missing.join(', ')}`)
  return result
}

function commandTable(program: Command): string {
  const rows = (command: Command, path: string): string[][] => command.createHelp().visibleCommands(command).filter((child) => child.name() !== 'help').flatMap((child) => {
    const name = `${path}${child.name()}`
    const words = child.registeredArguments.map((argument) => ` <${argument.name()}>`).join('')
    return child.commands.length > 0 ? rows(child, `${name} `) : [[code(`${name}${words}`), child.description()]]
  })
  return table(['command', 'what it does'], rows(program, ''))
}

/** The options of `build`; the stages' commands and `explain` have them too, but for --until. */
function optionTable(program: Command): string {
  const build = program.commands.find((command) => command.name() === 'build')
  return table(['option', 'what it does', 'default'], (build?.options ?? []).map((option) => [code(option.flags), meaning(option), standard(option)]))
}

function meaning({ description, argChoices }: Option): string {
  return argChoices === undefined ? description : `${description}: ${argChoices.join(', ')}`
}

function standard({ defaultValueDescription, defaultValue }: Option): string {
  if (defaultValueDescription !== undefined) return code(defaultValueDescription)
  return typeof defaultValue === 'string' ? code(defaultValue) : ''
}

/** An interrupt ends the program as shells expect of its signal: INT, TERM, HUP. */
function statusOf(name: string, fault: Fault): string {
  return name === 'E_INTERRUPTED' ? '130, 143, 129' : String(exitStatus[fault])
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`
  return [head, head.map(() => '---'), ...rows].map(line).join('')
}

function code(text: string): string {
  return `\`${text}\``
}

async function main(check: boolean): Promise<void> {
  const path = join(fileURLToPath(new URL('../..', import.meta.url)), documentFile)
  const text = await readFile(path, 'utf8')
  const fresh = withSections(text)
  if (check) {
    if (text !== fresh) process.stderr.write(`${documentFile} is stale: run \`npm run docs\`\n`)
    process.exitCode = text === fresh ? 0 : 1
    return
  }
  if (text !== fresh) await writeFile(path, fresh)
  process.stderr.write(`${documentFile} ${text === fresh ? 'is up to date' : 'written'}\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.includes('--check'))
