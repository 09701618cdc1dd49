import { expect, it } from 'vitest'
import { parseJoolCsv } from '../../../../images/smoke/jool-csv.ts'

it('reads a session table by its header', () => {
  const text = [
    'Protocol,IPv6 Remote Address,IPv6 Remote L4-ID,IPv6 Local Address,IPv6 Local L4-ID,IPv4 Local Address,IPv4 Local L4-ID,IPv4 Remote Address,IPv4 Remote L4-ID,Expires in,State',
    'TCP,2001:db8:64::2,41002,64:ff9b::c633:6402,7000,203.0.113.64,50123,198.51.100.2,7000,01:59:59.996,Established',
    '', '  (Fetched 1 entries.)',
  ].join('\r\n')
  const rows = parseJoolCsv(text)
  expect(rows).toHaveLength(1)
  expect(rows[0]).toMatchObject({ 'Protocol': 'TCP', 'IPv4 Local Address': '203.0.113.64', 'IPv4 Local L4-ID': '50123', 'State': 'Established' })
})

it('a table without entries, or no table, has no rows', () => {
  expect(parseJoolCsv('Protocol,IPv6 Address,State\n  (empty)\n')).toEqual([])
  expect(parseJoolCsv('')).toEqual([])
})

it('a row that has no state, as those of UDP and ICMP, is a row', () => {
  expect(parseJoolCsv('Protocol,IPv6 Remote Address,Expires in,State\nUDP,2001:db8:64::2,0:04:59.992\nnothing, really\n')).toEqual([
    { 'Protocol': 'UDP', 'IPv6 Remote Address': '2001:db8:64::2', 'Expires in': '0:04:59.992', 'State': '' },
  ])
})
