import { isIPv4 } from 'node:net'
import { z } from 'zod'
import { checkIds } from './checks/catalogue.ts'
import { topology } from './lab/topology.ts'

const id = z.string().regex(/^[a-z][a-z0-9-]{0,40}$/, 'lower-case letters, digits and hyphens')
  .refine((text) => !(checkIds as readonly string[]).includes(text), 'the id of a built-in check')

const { v4, far } = topology
/** Nothing sent to these from the IPv4 host comes to the router: "blocked" would always be true. */
const besideTheRouter: readonly string[] = [v4.transit, far.transit, far.host]
const notUnicast = /^(0|127|22[4-9]|2[34]\d|25[0-5])\./

/**
 * A person's own check: who sends what to whom, and whether it must arrive. From the IPv4 host, `to` is an address that the
 * router has or translates (pool4); the IPv6 host answers on the same port, so a static BIB entry leads there.
 */
export const trafficCheck = z.strictObject({
  id,
  title: z.string().min(1),
  from: z.enum(['ipv6-host', 'ipv4-host']).default('ipv6-host'),
  to: z.union([z.literal('ipv4-host'), z.string().refine((text) => isIPv4(text) && !notUnicast.test(text), 'a unicast IPv4 address or "ipv4-host"')]),
  protocol: z.enum(['tcp', 'udp', 'icmp']),
  port: z.number().int().min(1).max(65535).optional(),
  sizeBytes: z.number().int().min(1).max(100_000_000).optional(),
  expect: z.enum(['arrives', 'blocked']),
}).refine((check) => check.protocol !== 'icmp' || check.port === undefined, 'ICMP has no ports')
  .refine(({ from, to }) => from === 'ipv6-host' || (to !== 'ipv4-host' && !besideTheRouter.includes(to)), { path: ['to'], error: 'from the IPv4 host, an address that is behind or on the router' })
  .refine((check) => check.protocol !== 'udp' || (check.sizeBytes ?? 0) <= 60_000, { path: ['sizeBytes'], error: 'one UDP datagram holds at most 60000 bytes here' })
  .refine((check) => check.protocol !== 'icmp' || (check.sizeBytes ?? 0) <= 60_000, { path: ['sizeBytes'], error: 'one echo request holds at most 60000 bytes here' })

/** A person's own check: a command on the router and what it must print: `text`, or `/a pattern/`. */
export const routerCheck = z.strictObject({
  id,
  title: z.string().min(1),
  router: z.string().min(1).regex(/^[^\n\r]*$/, 'one line'),
  prints: z.string().min(1).refine(isTextOrPattern, 'not a valid pattern'),
})

export const smokeSpec = z.strictObject({
  firmware: z.array(z.enum(['bios', 'uefi', 'uefi-secure'])).min(1).default(['bios', 'uefi'])
    .describe('uefi-secure: with Secure Boot on, and the certificate of `iso.secureBoot` as the only one in the firmware.'),
  medium: z.enum(['cd', 'usb']).default('cd')
    .describe('What the ISO is on: cd, a disc in a drive, which a BIOS starts by its boot catalogue; usb, a stick that it was written to as it is, which a BIOS starts by its first sector and UEFI by its partitions.'),
  /** Reboot the router in its first boot, and check that everything comes back. */
  reboot: z.boolean().default(true),
  memoryMiB: z.number().int().min(256).max(65536).default(768),
  cpus: z.number().int().min(1).max(64).default(2),
  login: z.strictObject({
    user: z.string().optional().describe('Default: root; vyos on VyOS.'),
    password: z.string().optional().describe('Default: the target\'s iso.rootPassword; vyos on VyOS; needed for another image that was not made here.'),
  }).prefault({}),
  driver: z.enum(['auto', 'reference', 'vyos']).default('auto').describe('Who speaks to the router on its console: reference, as to a Debian with systemd-networkd; vyos, in VyOS\'s command line; auto: whichever the image is.'),
  checks: z.array(z.union([trafficCheck, routerCheck])).default([])
    .refine((checks) => new Set(checks.map((check) => check.id)).size === checks.length, 'two checks have the same id'),
}).prefault({})

export type TrafficCheck = z.infer<typeof trafficCheck>
export type RouterCheck = z.infer<typeof routerCheck>
export type UserCheck = TrafficCheck | RouterCheck
export type SmokeSpec = z.infer<typeof smokeSpec>
export type Firmware = SmokeSpec['firmware'][number]
export type IsoMedium = SmokeSpec['medium']

/** `/…/` is a pattern (multi-line), anything else is looked for as it stands. */
export function expectedText(prints: string): RegExp {
  const pattern = /^\/(.+)\/(i?)$/s.exec(prints)
  if (pattern?.[1] !== undefined) return new RegExp(pattern[1], `m${pattern[2] ?? ''}`)
  return new RegExp(prints.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
}

function isTextOrPattern(text: string): boolean {
  try {
    expectedText(text)
    return true
  } catch {
    return false
  }
}
