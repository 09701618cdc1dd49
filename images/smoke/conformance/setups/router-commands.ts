import { CheckFailed } from '../../checks/check.ts'
import type { RouterDriver } from '../../drivers/router-driver.ts'

/** A terminal takes 4095 characters at once. */
const lineLimit = 3000

/** Runs commands on the router, as few lines as hold them; the first that fails ends it. @throws CheckFailed with the router's words */
export async function mustAll(router: RouterDriver, commands: readonly string[]): Promise<void> {
  for (const line of joined(commands)) {
    const { status, output } = await router.run(line, 60_000)
    if (status !== 0) throw new CheckFailed(`on the router: ${line.slice(0, 200)}: exit status ${String(status)}: ${output.slice(-300)}`)
  }
}

/** Writes lines without quotes in them to a file. @throws CheckFailed */
export async function writeLines(router: RouterDriver, file: string, lines: readonly string[]): Promise<void> {
  await mustAll(router, [`: > ${file}`, ...lines.map((line) => `echo '${line}' >> ${file}`)])
}

function joined(commands: readonly string[]): string[] {
  const all: string[] = []
  for (const command of commands) {
    const last = all.at(-1)
    if (last !== undefined && last.length + command.length + 4 < lineLimit) all[all.length - 1] = `${last} && ${command}`
    else all.push(command)
  }
  return all
}
