import { z } from 'zod'

/** A word of an operational command as it is written. */
export interface WrittenWord {
  help?: string | undefined
  about?: string | undefined
  shared?: true | undefined
  call?: string | undefined
  run?: string | undefined
  with?: Record<string, string> | undefined
  option?: string | undefined
  complete?: string[] | undefined
  names?: string[] | undefined
  words?: Record<string, WrittenWord> | undefined
}

const name = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'a word of a command has small letters, digits and hyphens')

const word: z.ZodType<WrittenWord> = z.strictObject({
  help: z.string().regex(/^[^\n]*[^\n.]$/, 'one line without a full stop at its end').optional().describe('One line, as VyOS shows it'),
  about: z.string().optional().describe('What a person should know beside that; for the reference'),
  shared: z.literal(true).optional().describe('VyOS has this word itself: nothing but what is below it is ours'),
  call: z.string().regex(/^(show|reset|restart|generate)_[a-z_]+$/, 'a function that vyos.opmode runs: show_…, reset_…, restart_… or generate_…').optional().describe('The function of op_mode/nat64_nat46.py that this command is'),
  run: z.string().optional().describe('The command line that this command is, where it is no function'),
  with: z.record(name, z.string()).optional().describe('Options of the function, here and below'),
  option: name.optional().describe('A value follows this word, and is this option of the function, by default the one of the word before'),
  complete: z.array(z.string()).min(1).optional().describe('What completion offers for the value'),
  names: z.array(z.string()).min(1).optional().describe('Paths of the configuration whose names completion offers for the value'),
  get words() { return z.record(name, word).optional() },
}).superRefine((written, context) => {
  for (const { path, message } of contradictions(written)) context.addIssue({ code: 'custom', path: [path], message })
})

function contradictions(written: WrittenWord): { path: string; message: string }[] {
  if (written.shared) return Object.keys(written).filter((key) => key !== 'shared' && key !== 'words' && key !== 'with').map((path) => ({ path, message: 'has no meaning beside "shared"' }))
  return [
    ...(written.help === undefined ? [{ path: 'help', message: 'missing (string)' }] : []),
    ...(written.call !== undefined && written.run !== undefined ? [{ path: 'run', message: 'has no meaning beside "call"' }] : []),
    ...(written.option === undefined ? (['complete', 'names'] as const).filter((key) => written[key] !== undefined).map((path) => ({ path, message: 'has no meaning without "option"' })) : []),
    ...(written.words === undefined && written.call === undefined && written.run === undefined && written.option === undefined ? [{ path: 'call', message: 'the last word of a command does something: "call", "run" or "option"' }] : []),
  ]
}

/** A file of `packaging/vyos-nat64/op`: commands by their first word. */
export const opFile = z.strictObject({ words: z.record(name, word) })
