import { describe, expect, it } from 'vitest'
import { expectedText, smokeSpec } from '../../../../images/smoke/spec.ts'

const traffic = { id: 'dns', title: 'DNS', to: '192.0.2.53', protocol: 'udp', port: 53, expect: 'arrives' }

it('an empty section means everything', () => {
  expect(smokeSpec.parse({})).toEqual({
    firmware: ['bios', 'uefi'], medium: 'cd', reboot: true, memoryMiB: 768, cpus: 2, login: {}, driver: 'auto', checks: [],
  })
})

it('takes checks of both kinds', () => {
  const checks = [traffic, { id: 'pool', title: 'pool4', router: 'jool -i lab pool4 display', prints: '203.0.113.64' }]
  expect(smokeSpec.parse({ checks }).checks).toEqual([{ ...traffic, from: 'ipv6-host' }, checks[1]])
})

it('takes traffic from the IPv4 host to an address of the router', () => {
  const inbound = { ...traffic, from: 'ipv4-host', to: '203.0.113.64' }
  expect(smokeSpec.parse({ checks: [inbound] }).checks).toEqual([inbound])
})

describe('refuses', () => {
  const wrong: [string, unknown][] = [
    ['an unknown key', { firmwares: [] }],
    ['an IPv6 address as an IPv4 target', { checks: [{ ...traffic, to: '2001:db8::1' }] }],
    ['a port for ICMP', { checks: [{ ...traffic, protocol: 'icmp' }] }],
    ['a datagram that cannot be', { checks: [{ ...traffic, sizeBytes: 70_000 }] }],
    ['a check that is both kinds', { checks: [{ ...traffic, router: 'true', prints: 'x' }] }],
    ['two checks of one id', { checks: [traffic, traffic] }],
    ['a command of two lines', { checks: [{ id: 'a', title: 'a', router: 'a\nb', prints: 'x' }] }],
    ['a pattern that is none', { checks: [{ id: 'a', title: 'a', router: 'a', prints: '/(/' }] }],
    ['the id of a built-in check', { checks: [{ ...traffic, id: 'kernel-log' }] }],
    ['traffic of the IPv4 host to itself', { checks: [{ ...traffic, from: 'ipv4-host', to: 'ipv4-host' }] }],
    ['traffic that never comes to the router', { checks: [{ ...traffic, from: 'ipv4-host', to: '198.51.100.1' }] }],
    ['a multicast address', { checks: [{ ...traffic, to: '224.0.0.1' }] }],
    ['a loopback address', { checks: [{ ...traffic, from: 'ipv4-host', to: '127.0.0.1' }] }],
    ['no firmware', { firmware: [] }],
  ]
  it.each(wrong)('%s', (_what, spec) => {
    expect(smokeSpec.safeParse(spec).success).toBe(false)
  })
})

it('what a command must print is a text as it stands, or a pattern between slashes', () => {
  expect(expectedText('a.c').test('xa.cx')).toBe(true)
  expect(expectedText('a.c').test('abc')).toBe(false)
  expect(expectedText('/^a.c$/').test('x\nabc\n')).toBe(true)
  expect(expectedText('/ABC/i').test('abc')).toBe(true)
})
