import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { Option, type Command } from 'commander'

/** Options of every command that builds. */
export interface BuildOptions {
  target?: string
  store: string
  out: string
  locked?: string
  update?: boolean
  offline?: boolean
  dryRun?: boolean
  json?: boolean
  trace?: string
  verbose?: boolean
  keepWorkdir?: boolean
  debugShell?: boolean
  fast?: boolean
  mirror?: string
  debianMirror?: string
  debianSecurityMirror?: string
}

export function defaultStore(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'nat64-forge')
}

export function storeOption(): Option {
  return new Option('--store <dir>', 'where artifacts and downloads are kept').default(defaultStore(), '$XDG_CACHE_HOME/nat64-forge').argParser((path: string) => resolve(path))
}

export function withBuildOptions(command: Command): Command {
  withTargetOption(command)
    .addOption(storeOption())
    .addOption(new Option('--out <dir>', 'where results appear, in a folder named like the target').default(resolve('out'), './out').argParser((path: string) => resolve(path)))
    .addOption(new Option('--locked <file>', 'build exactly what this lock.yaml says').conflicts('update'))
  withResolveOptions(command)
    .option('--dry-run', 'print all plans as JSON and do nothing')
    .option('--json', 'print the report as JSON on standard output')
    .option('--trace <file>', 'append one JSON line a stage: stage, key, hit or miss, milliseconds')
    .option('--verbose', 'show every command, copy-pasteable, and what it prints')
    .option('--keep-workdir', 'keep the scratch folder')
    .option('--debug-shell', 'when a command fails, open a shell where it failed')
    .addOption(new Option('--fast', 'compress the image quickly instead of well').conflicts('locked'))
  return withMirrorOptions(command)
}

export function withTargetOption(command: Command, otherwise = './nat64-forge.yaml if there is one, else debian-12'): Command {
  return command.option('-t, --target <name|file>', `a shipped target or a YAML file; default: ${otherwise}`)
}

/** Whether and how the network is asked what there is. */
export function withResolveOptions(command: Command): Command {
  return command
    .option('--update', 'ask anew which versions are newest')
    .option('--offline', 'never use the network')
}

export function withMirrorOptions(command: Command): Command {
  return command
    .option('--mirror <dir>', 'take the files that the target names by URL from this folder')
    .option('--debian-mirror <url>', 'a Debian mirror instead of the one in the host\'s apt configuration')
    .option('--debian-security-mirror <url>', 'the same for Debian\'s security archive')
}
