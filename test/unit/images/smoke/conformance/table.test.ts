import { describe, expect, it } from 'vitest'
import type { Entry } from '../../../../../images/smoke/conformance/entry.ts'
import { grouped, judged, limitOf } from '../../../../../images/smoke/conformance/run.ts'
import { joolCommands } from '../../../../../images/smoke/conformance/setups/jool-commands.ts'
import { expiryIn, secondsOf } from '../../../../../images/smoke/conformance/setups/jool-sessions.ts'
import { nat64ctlText } from '../../../../../images/smoke/conformance/setups/nat64ctl-text.ts'
import { taygaFile } from '../../../../../images/smoke/conformance/setups/tayga.ts'
import { table } from '../../../../../images/smoke/conformance/table.ts'
import type { TranslatorConfig } from '../../../../../images/smoke/conformance/translator.ts'

const config: TranslatorConfig = {
  kind: 'nat64', prefix: '64:ff9b::/96',
  pools: [{ protocol: 'tcp', address: '203.0.113.65', ports: '1-65535' }, { protocol: 'udp', address: '203.0.113.66', ports: '1000-2000', mark: 5 }],
  statics: [{ protocol: 'tcp', inside: '2001:db8::a', insidePort: 80, outside: '203.0.113.65', outsidePort: 8080 }],
  maps: [], options: { 'address-dependent-filtering': 'true', 'icmp-timeout': '2' },
}

describe('the table', () => {
  it('has no two entries of one name, and each has a title that ends without a full stop', () => {
    expect(new Set(table.map(({ id }) => id)).size).toBe(table.length)
    expect(table.filter(({ title }) => title.endsWith('.') || title === '')).toEqual([])
    expect(table.filter(({ id, rfc }) => !id.startsWith(`rfc${String(rfc)}-`))).toEqual([])
  })

  it('covers every RFC of the list of checks that the lab can see', () => {
    expect([...new Set(table.map(({ rfc }) => rfc))].toSorted((a, b) => a - b)).toEqual(expect.arrayContaining([6052, 6146, 6384, 6791, 7757, 7915, 8021]))
  })

  it('says where each known limit is written down', () => {
    expect(table.flatMap(({ limits = [] }) => limits).filter(({ source }) => !/^https:\/\/\S+$/.test(source))).toEqual([])
  })

  it('applies a configuration once for all entries that share it', () => {
    const groups = grouped(table, 'nat64')
    expect(groups.flatMap(({ entries }) => entries)).toHaveLength(table.filter(({ kinds }) => kinds.includes('nat64')).length)
    expect(new Set(groups.map((group) => JSON.stringify(group.config))).size).toBe(groups.length)
    expect(groups.every(({ config: { kind } }) => kind === 'nat64')).toBe(true)
  })
})

describe('an outcome', () => {
  const limit: NonNullable<Entry['limits']>[number] = { engine: 'jool', what: 'it does not', source: 'https://example.net/1' }

  it('that fails as it is known to is a known limit; one that passes all the same is told', () => {
    expect(judged({ verdict: 'fail', detail: 'd' }, limit)).toEqual({ verdict: 'known-limit', detail: 'd' })
    expect(judged({ verdict: 'pass', detail: 'd' }, limit)).toEqual({ verdict: 'limit-gone', detail: 'd' })
    expect(judged({ verdict: 'pass', detail: 'd' }, { ...limit, sometimes: true })).toEqual({ verdict: 'pass', detail: 'd' })
    expect(judged({ verdict: 'skip', detail: 'd' }, limit)).toEqual({ verdict: 'skip', detail: 'd' })
    expect(judged({ verdict: 'fail', detail: 'd' }, undefined)).toEqual({ verdict: 'fail', detail: 'd' })
  })
})

it('what only sessions and ports make possible, TAYGA fails, and everything else is asked of it', () => {
  const limited = (needle: string): string[] => table.filter((entry) => entry.id.includes(needle)).map((entry) => limitOf(entry, { engine: 'tayga', mode: 'inline' }, 'nat64')?.what ?? 'none')
  expect(limited('rfc6146-session-udp')).toEqual(['TAYGA translates addresses, no ports, and keeps no sessions'])
  expect(limited('rfc6146-static-')).toEqual(['none', 'none', 'none'])
  expect(limited('46-fragments-zero-checksum')).toEqual(['TAYGA drops datagrams without a checksum, without a word'])
  expect(table.filter(({ needsNoSessions }) => needsNoSessions).every(({ kinds }) => !kinds.includes('nat46'))).toBe(true)
})

describe('a configuration', () => {
  it('is these commands of Jool', () => {
    expect(joolCommands(config, 'netfilter')).toEqual([
      'jool instance add table --netfilter --pool6 64:ff9b::/96',
      'jool -i table pool4 add --tcp 203.0.113.65 1-65535',
      'jool -i table pool4 add --udp --mark 5 203.0.113.66 1000-2000',
      'jool -i table bib add --tcp 2001:db8::a#80 203.0.113.65#8080',
      'jool -i table global update address-dependent-filtering true',
      'jool -i table global update icmp-timeout 2',
    ])
    expect(joolCommands({ ...config, kind: 'nat46', pools: [], statics: [], options: {}, maps: [{ ipv4: '203.0.113.65', ipv6: '2001:db8::a' }] }, 'iptables')).toEqual([
      'echo \'{"instance":"table","framework":"iptables","global":{"pool6":"64:ff9b::/96"}}\' | jool_siit file handle /dev/stdin', 'jool_siit -i table eamt add --force 203.0.113.65 2001:db8::a',
    ])
  })

  it('is this file of TAYGA', () => {
    expect(taygaFile({ ...config, kind: 'nat46', pools: [], statics: [], maps: [{ ipv4: '203.0.113.65', ipv6: '2001:db8::a' }] })).toEqual([
      'tun-device table', 'ipv4-addr 192.0.0.10', 'ipv6-addr 2001:db8:6402::1', 'prefix 64:ff9b::/96', 'map 203.0.113.65 2001:db8::a',
    ])
  })

  it('is this text of nat64ctl: a rule for each mark, options by the names of its tree', () => {
    expect(nat64ctlText(config, 'jool', 'isolated').split('\n')).toEqual([
      'set nat64 source rule 100 source prefix 64:ff9b::/96',
      'set nat64 source rule 100 translation pool 1 address 203.0.113.65',
      'set nat64 source rule 100 translation pool 1 port 1-65535',
      'set nat64 source rule 100 translation pool 1 protocol tcp',
      'set nat64 source rule 100 static 1 protocol tcp',
      'set nat64 source rule 100 static 1 inside address 2001:db8::a',
      'set nat64 source rule 100 static 1 inside port 80',
      'set nat64 source rule 100 static 1 outside address 203.0.113.65',
      'set nat64 source rule 100 static 1 outside port 8080',
      'set nat64 source rule 100 option address-dependent-filtering',
      'set nat64 source rule 100 timeout icmp 2',
      'set nat64 source rule 101 source prefix 64:ff9b::/96',
      'set nat64 source rule 101 match mark 5',
      'set nat64 source rule 101 translation pool 1 address 203.0.113.66',
      'set nat64 source rule 101 translation pool 1 port 1000-2000',
      'set nat64 source rule 101 translation pool 1 protocol udp',
      'set nat64 source rule 101 option address-dependent-filtering',
      'set nat64 source rule 101 timeout icmp 2',
      'set nat64 source rule 100 mode isolated',
      'set nat64 source rule 101 mode isolated',
      '',
    ])
    const map = { ...config, kind: 'nat46', pools: [], statics: [], maps: [{ ipv4: '203.0.113.65', ipv6: '2001:db8::a' }], options: { 'amend-udp-checksum-zero': 'false', 'eam-hairpin-mode': 'off' } } as const
    const lines = [
      'set nat46 destination rule 100 destination address 203.0.113.65',
      'set nat46 destination rule 100 translation address 2001:db8::a',
      'set nat46 destination rule 100 source prefix 64:ff9b::/96',
    ]
    expect(nat64ctlText(map, 'jool', 'inline').split('\n')).toEqual([...lines, 'set nat46 destination rule 100 option eam-hairpin none', ''])
    // The options are Jool's.
    expect(nat64ctlText(map, 'tayga', 'inline').split('\n')).toEqual([
      ...lines,
      'set nat46 destination rule 100 engine tayga',
      '',
    ])
  })
})

describe('what is left of a session', () => {
  it('is read in every form that Jool writes', () => {
    expect(['2:00:00', '0:04:59', '4:59', '59.5', '1:59:58.812'].map(secondsOf)).toEqual([7200, 299, 299, 59.5, 7198.812])
    expect(secondsOf('soon')).toBeUndefined()
  })

  it('is that of the session asked for; a table that cannot be read is no session', () => {
    const csv = 'Protocol,IPv6 Remote Address,IPv6 Remote Port,Expires in,State\nTCP,2001:db8::a,80,0:03:59,V6_INIT\nTCP,2001:db8::b,80,later,V6_INIT\n'
    expect(expiryIn(csv, '2001:db8::a', 80)).toBe(239)
    expect(expiryIn(csv, '2001:db8::a', 81)).toBeUndefined()
    expect(() => expiryIn(csv, '2001:db8::b', 80)).toThrow('expires in "later"')
  })
})
