import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { startTree } from '../../images/smoke/lab/tree.ts'
import { Wire } from '../../images/smoke/lab/wire.ts'
import { differences } from '../../images/smoke/packets/difference.ts'
import { icmp, ip4, ip6, pattern, tcp, udp, type Packet } from '../../images/smoke/packets/packet.ts'
import { needsTools } from '../support/tools.ts'

describe.skipIf(!needsTools('unshare', 'setpriv', 'ip', '/usr/bin/python3'))('a wire', () => {
  it('carries crafted packets of every kind from one namespace to another, byte for byte, in order', async () => {
    await using tree = await startTree()
    const { pid } = await tree.ipv6Host.call('hello', {})
    // The receiving end is down to the kernel: no address, nothing that would answer.
    await tree.transit.must('ip', 'link', 'add', 'cable', 'address', '52:54:00:64:aa:01', 'type', 'veth', 'peer', 'name', 'eth0', 'address', '52:54:00:64:aa:02', 'netns', String(pid))
    await tree.transit.must('ip', 'link', 'set', 'cable', 'up')
    await tree.ipv6Host.must('ip', 'link', 'set', 'eth0', 'up')
    const near = await Wire.open(tree.transit, 'cable', '52:54:00:64:aa:02')
    const far = await Wire.open(tree.ipv6Host, 'eth0', '52:54:00:64:aa:01')
    const [four, six] = [{ src: '192.0.2.1', dst: '192.0.2.2' }, { src: '2001:db8::1', dst: '2001:db8::2' }]
    const sent: Packet[] = [
      ip4({ ...four, payload: udp(1, 2, pattern(1400)) }), ip4({ ...four, payload: udp(1, 2, 'no checksum', 0) }), ip4({ ...four, ttl: 0, payload: tcp(1, 2, 'SFR') }),
      ip4({ ...four, mf: true, offset: 64, options: Buffer.from('830704c0000209', 'hex'), payload: { kind: 'opaque', protocol: 17, data: pattern(64) } }),
      ip6({ ...six, payload: icmp(1, 4, 0, pattern(60)) }), ip6({ ...six, extensions: [{ kind: 'hop-by-hop', data: Buffer.from('010400000000', 'hex') }, { kind: 'fragment', identification: 7, offset: 0, more: true }], payload: { kind: 'opaque', protocol: 58, data: pattern(80) } }),
    ]
    await near.send(...sent)
    const own = ({ src }: Packet): boolean => src === four.src || src === six.src
    let count = 0
    expect(await far.until(0, ({ packet }) => own(packet) && ++count === sent.length, 10_000)).toBeDefined()
    const got = far.arrivals.map(({ packet }) => packet).filter(own)
    expect(got.map((packet, index) => differences(packet, sent[index]!))).toEqual(sent.map(() => []))
    // What a wire sends itself is nothing that arrived.
    expect(near.arrivals.filter(({ packet }) => own(packet))).toEqual([])
    // The kernel reports its multicast groups in between; of ours, nothing more comes.
    expect(await far.until(far.arrivals.length, ({ packet }) => own(packet), 50)).toBeUndefined()
  })

  it('on an interface that does not exist is the lab\'s failure, with its words', async () => {
    await using tree = await startTree()
    await expect(tree.transit.call('openWire', { device: 'absent' })).rejects.toMatchObject({ code: 'E_LAB', message: expect.stringMatching(/wire\.py: exit status 1: [^]*No such device/) as string })
    await expect(Wire.open(tree.transit, 'lo', '52:54:00:64:aa:01')).rejects.toMatchObject({ code: 'E_LAB', message: expect.stringContaining('has no Ethernet address') as string })
  })

  it('leaves no process behind when the lab ends', async () => {
    const ours = async (): Promise<string[]> => {
      const lines = await Promise.all((await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(async (name) => await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')))
      return lines.filter((line) => line.includes('wire.py') && line.includes('orphan'))
    }
    {
      await using tree = await startTree()
      await tree.transit.must('ip', 'link', 'add', 'orphan', 'type', 'veth', 'peer', 'name', 'other')
      await tree.transit.must('ip', 'link', 'set', 'orphan', 'up')
      await tree.transit.call('openWire', { device: 'orphan' })
      expect(await ours()).toHaveLength(1)
    }
    await expect.poll(ours, { timeout: 5_000 }).toEqual([])
  })
})
