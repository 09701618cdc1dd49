import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import { parseSpec } from '../../../scripts/lib/parse-spec.ts'
import type { Completion } from './definition.ts'
import { opFile, type WrittenWord } from './op-schema.ts'

/** Where the operational commands are written, relative to the project. */
export const opCommandsFile = 'packaging/vyos-nat64/op/commands.yaml'

/** A word of an operational command, as VyOS's definitions have it. */
export interface OpWord {
  name: string
  /** VyOS has this word itself. */
  shared: boolean
  help: string
  about?: string
  /** The command line; `$N` is the command's word N, from 1. */
  command?: string
  /** A value follows this word. */
  tag: boolean
  completion: readonly Completion[]
  words: readonly OpWord[]
}

/** The operational commands by their first words. @throws ForgeError E_CLI_TREE with line and column */
export async function readOpTree(projectDir: string): Promise<OpWord[]> {
  return opTree(await readFile(join(projectDir, opCommandsFile), 'utf8'), opCommandsFile)
}

/** @throws ForgeError E_CLI_TREE */
export function opTree(text: string, fileName: string): OpWord[] {
  return opWords(parseSpec(text, fileName, opFile, 'E_CLI_TREE').words, { path: [], place: 1, options: {}, fileName })
}

/** What the words before say. `place` counts words of the command line, values included. */
interface Before { path: readonly string[]; place: number; call?: string; options: Readonly<Record<string, string>>; fileName: string }

function opWords(written: Readonly<Record<string, WrittenWord>>, before: Before): OpWord[] {
  return Object.entries(written).map(([name, word]) => opWord(name, word, before))
}

function opWord(name: string, written: WrittenWord, before: Before): OpWord {
  const { option, call = option === undefined ? undefined : before.call } = written
  const path = [...before.path, name]
  const options = { ...before.options, ...written.with, ...(option === undefined ? {} : { [option]: `"$${String(before.place + 1)}"` }) }
  if (option !== undefined && call === undefined) throw new ForgeError('E_CLI_TREE', `${before.fileName}: ${path.join(' ')}: "option" belongs to a function, and none is called here`)
  const inside: Before = { path, place: before.place + (option === undefined ? 1 : 2), ...(call === undefined ? {} : { call }), options, fileName: before.fileName }
  const command = written.run ?? (call === undefined ? undefined : commandLine(call, options))
  return {
    name, shared: written.shared ?? false, help: written.help ?? '', tag: option !== undefined,
    ...(written.about === undefined ? {} : { about: written.about }),
    ...(command === undefined ? {} : { command }),
    completion: [
      ...(written.complete === undefined ? [] : [{ kind: 'list' as const, text: written.complete.join(' ') }]),
      ...(written.names ?? []).map((text) => ({ kind: 'path' as const, text })),
    ],
    words: opWords(written.words ?? {}, inside),
  }
}

function commandLine(call: string, options: Readonly<Record<string, string>>): string {
  return ['sudo ${vyos_op_scripts_dir}/nat64_nat46.py', call, ...Object.entries(options).map(([option, value]) => `--${option} ${value}`)].join(' ')
}
