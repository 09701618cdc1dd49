import { parseArgs, type ParseArgsConfig } from 'node:util'

/** What the command line says; a wrong one ends here, with how it is used. */
export function readArguments<Config extends ParseArgsConfig>(usage: string, config: Config): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    process.stderr.write(`${error.message}\nusage: ${usage}\n`)
    process.exit(64)
  }
}
