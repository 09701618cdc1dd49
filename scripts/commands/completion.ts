import { readdirSync } from 'node:fs'
import type { Command, Option } from 'commander'
import { bashScript } from './completion-bash.ts'
import { commandTree } from './completion-tree.ts'
import { zshScript } from './completion-zsh.ts'

export interface CompletionOptions {
  /** Words to offer beside files, by the option's long name. Default: the shipped targets for `target`. */
  suggestions?: Readonly<Record<string, readonly string[]>>
}

/**
 * A shell's completion for everything that the program defines: commands, options, their choices and the files they
 * take. Load it with `source <(nat64-forge completion bash)`.
 */
export function completionScript(program: Command, shell: 'bash' | 'zsh', { suggestions = { target: shippedTargets() } }: CompletionOptions = {}): string {
  const tree = commandTree(program, (option: Option) => suggestions[option.name()] ?? [])
  switch (shell) {
    case 'bash': return bashScript(program.name(), tree)
    case 'zsh': return zshScript(program.name(), tree)
    default: return shell satisfies never
  }
}

function shippedTargets(): string[] {
  const folder = new URL('../../images/targets', import.meta.url)
  return readdirSync(folder).flatMap((name) => name.endsWith('.yaml') ? [name.slice(0, -'.yaml'.length)] : []).sort()
}
