import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Argument, Command, Option } from 'commander'
import { describe, expect, it } from 'vitest'
import { completionScript } from '../../../../scripts/commands/completion.ts'
import { createExec } from '../../../../scripts/lib/exec.ts'
import { silentLog } from '../../../../scripts/lib/log.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'
import { needsTools } from '../../../support/tools.ts'

const exec = createExec({ log: silentLog })

function program(): Command {
  const root = new Command('nat64-forge').version('1.0.0')
  root.command('build').description('Build a target: Jool\'s sources to a router')
    .addOption(new Option('--until <stage>', 'stop after this stage').choices(['source', 'modules']))
    .option('-t, --target <name|file>', 'a shipped target or a YAML file').option('--store <dir>', 'where artifacts are kept').option('--json', 'as JSON')
    .addOption(new Option('--secret', 'not for people').hideHelp())
  root.command('explain').description('Say why').addArgument(new Argument('<stage>').choices(['source', 'modules']))
  const store = root.command('store').description('Look at the store')
  store.command('gc').description('Free space').option('--max-size <size>', 'for example 2G')
  return root
}

const suggestions = { target: ['debian-12', 'debian-13'] }

async function folderWithFiles(): Promise<string> {
  const dir = await temporaryFolder()
  await writeFile(join(dir, 'my own.yaml'), '')
  await mkdir(join(dir, 'cache'))
  await writeFile(join(dir, 'script.bash'), completionScript(program(), 'bash', { suggestions }))
  await writeFile(join(dir, 'script.zsh'), completionScript(program(), 'zsh', { suggestions }))
  return dir
}

describe('completion in bash', () => {
  /** What bash would offer for the last of these words, as its own word splitting gives them. */
  async function complete(...words: string[]): Promise<string[]> {
    const { stdout } = await exec(['bash', '-uc', 'source ./script.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _nat64_forge; printf "%s\\n" "${COMPREPLY[@]}"', 'bash', 'nat64-forge', ...words], { cwd: await folderWithFiles() })
    return stdout.split('\n').filter((line) => line !== '').sort()
  }

  it('offers commands', async () => {
    expect(await complete('')).toEqual(['build', 'explain', 'help', 'store'])
    expect(await complete('b')).toEqual(['build'])
    expect(await complete('store', '')).toEqual(['gc', 'help'])
  })

  it('offers the options of the command being typed, not the hidden ones', async () => {
    expect(await complete('build', '--')).toEqual(['--help', '--json', '--store', '--target', '--until'])
    expect(await complete('--v')).toEqual(['--version'])
    expect(await complete('store', 'gc', '--m')).toEqual(['--max-size'])
  })

  it('offers an option\'s choices, after a space and after =', async () => {
    expect(await complete('build', '--until', '')).toEqual(['modules', 'source'])
    expect(await complete('build', '--until', '=')).toEqual(['modules', 'source'])
    expect(await complete('build', '--until', '=', 'm')).toEqual(['modules'])
  })

  it('offers targets and files, and only folders where a folder is meant', async () => {
    expect(await complete('build', '-t', '')).toEqual(['cache', 'debian-12', 'debian-13', 'my own.yaml', 'script.bash', 'script.zsh'])
    expect(await complete('build', '--target', 'debian-13')).toEqual(['debian-13'])
    expect(await complete('build', '--store', '')).toEqual(['cache'])
  })

  it('offers an argument\'s choices', async () => {
    expect(await complete('explain', '')).toEqual(['modules', 'source'])
  })

  it('does not take an option\'s value for a command', async () => {
    expect(await complete('build', '--store', 'explain', '--js')).toEqual(['--json'])
    expect(await complete('build', '--max')).toEqual([])
  })

  it('completes what the program itself prints', async () => {
    const dir = await temporaryFolder()
    await exec([process.execPath, 'scripts/nat64-forge.mjs', 'completion', 'bash'], { stdoutFile: join(dir, 'script.bash') })
    const { stdout: offered } = await exec(['bash', '-uc', 'source ./script.bash; COMP_WORDS=(nat64-forge build --until deb); COMP_CWORD=3; _nat64_forge; echo "${COMPREPLY[@]}"; COMP_WORDS[2]=--target; _nat64_forge; echo "${COMPREPLY[@]}"'], { cwd: dir })
    expect(offered).toBe('debs\ndebian-12 debian-13\n')
  })
})

describe.skipIf(!needsTools('zsh'))('completion in zsh', () => {
  // A terminal of its own with zsh's line editor: the words are typed, a key completes and prints the line that results.
  const terminal = `
    zmodload zsh/zpty
    zpty -b shell zsh -f -i
    zpty -w shell "PS1='' PROMPT_EOL_MARK=''; stty -echo columns 200; autoload -Uz compinit; compinit -u -D; source ./script.zsh"
    zpty -w shell 'complete() { zle complete-word; print -r -- "LINE<$BUFFER>" }; zle -N complete'
    zpty -w shell 'bindkey "^T" complete; bindkey "^O" list-choices; print READY-NOW'
    await() { got=''; repeat 400; do zpty -r -t shell chunk && got+=$chunk || sleep 0.05; [[ $got == *$~1* ]] && return; done; }
    await 'READY-NOW*'
    zpty -n -w shell "$1"
    await "$2"
    zpty -d shell
    print -r -- "$got"
  `

  async function afterKey(line: string, key: '\x14' | '\x0f', awaited: string): Promise<string> {
    const { stdout } = await exec(['zsh', '-f', '-c', `run() { ${terminal} }; run "$1" "$2"`, 'zsh', line + key, awaited], { cwd: await folderWithFiles(), env: { TERM: 'xterm' }, timeoutMs: 60_000 })
    return stdout
  }

  async function completed(line: string): Promise<string | undefined> {
    return /LINE<(.*)>/.exec(await afterKey(line, '\x14', 'LINE<*>'))?.[1]
  }

  it('is syntactically right', async () => {
    await exec(['zsh', '-n', 'script.zsh'], { cwd: await folderWithFiles() })
  })

  it('completes commands, options, choices, targets and folders', async () => {
    expect(await completed('nat64-forge bu')).toBe('nat64-forge build ')
    expect(await completed('nat64-forge store g')).toBe('nat64-forge store gc ')
    expect(await completed('nat64-forge build --unt')).toBe('nat64-forge build --until ')
    expect(await completed('nat64-forge build --until mod')).toBe('nat64-forge build --until modules ')
    expect(await completed('nat64-forge build --until=mod')).toBe('nat64-forge build --until=modules ')
    expect(await completed('nat64-forge build -t debian-13')).toBe('nat64-forge build -t debian-13 ')
    expect(await completed('nat64-forge build --store c')).toBe('nat64-forge build --store cache/')
    expect(await completed('nat64-forge explain so')).toBe('nat64-forge explain source ')
  })

  it('lists commands with what they do', async () => {
    expect(await afterKey('nat64-forge ', '\x0f', 'store * -- *')).toMatch(/build +-- Build a target: Jool's sources to a router/)
  })
})
