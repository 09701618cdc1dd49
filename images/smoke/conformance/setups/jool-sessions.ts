import { demand } from '../../checks/check.ts'
import type { RouterDriver } from '../../drivers/router-driver.ts'
import { parseJoolCsv } from '../../jool-csv.ts'
import type { Protocol } from '../translator.ts'

export interface SessionQuery {
  protocol: Protocol
  inside: string
  insidePort: number
}

/** Seconds that Jool gives the session of an IPv6 transport address; undefined when it has none. @throws CheckFailed */
export async function sessionExpiry(router: RouterDriver, where: string, instance: string, { protocol, inside, insidePort }: SessionQuery): Promise<number | undefined> {
  const { status, output } = await router.run(`${where}jool -i ${instance} session display --${protocol} --numeric --csv`)
  demand(status === 0, `jool session display: ${output.slice(-200)}`)
  return expiryIn(output, inside, insidePort)
}

/** @throws CheckFailed when the table has the session, but no time that can be read */
export function expiryIn(csv: string, inside: string, insidePort: number): number | undefined {
  const row = parseJoolCsv(csv).find((one) => Object.values(one).includes(inside) && Object.values(one).includes(String(insidePort)))
  if (row === undefined) return undefined
  const [, text = ''] = Object.entries(row).find(([name]) => /expires/i.test(name)) ?? []
  const seconds = secondsOf(text)
  demand(seconds !== undefined, `a session of ${inside} expires in "${text}"`)
  return seconds
}

/** "2:00:00", "4:59" or "3.5" as Jool's tables write what is left, in seconds. */
export function secondsOf(text: string): number | undefined {
  const match = /^(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)$/.exec(text.trim())
  return match ? Number(match[1] ?? 0) * 3600 + Number(match[2] ?? 0) * 60 + Number(match[3]) : undefined
}
