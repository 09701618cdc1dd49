import { describe, expect, it } from 'vitest'
import { CheckFailed } from '../../../../../images/smoke/checks/check.ts'
import type { Entry } from '../../../../../images/smoke/conformance/entry.ts'
import { runTable, type TableInput } from '../../../../../images/smoke/conformance/run.ts'
import type { TranslationKind, TranslatorConfig, TranslatorSetup } from '../../../../../images/smoke/conformance/translator.ts'
import { plainConfig, world } from '../../../../../images/smoke/conformance/world.ts'
import type { RouterDriver } from '../../../../../images/smoke/drivers/router-driver.ts'
import type { Arrival, Wire } from '../../../../../images/smoke/lab/wire.ts'
import { decode } from '../../../../../images/smoke/packets/decode.ts'
import { encode } from '../../../../../images/smoke/packets/encode.ts'
import { ip4, ip6, pattern, udp, type Packet } from '../../../../../images/smoke/packets/packet.ts'
import { ForgeError } from '../../../../../scripts/lib/errors.ts'

/** A router that answers marks at once, and does with other packets what `translate` says: where each goes. */
function fakeWires(translate: (packet: Packet) => { v6?: Packet[]; v4?: Packet[] }): TableInput['wires'] {
  const arrivals: Record<'v6' | 'v4', Arrival[]> = { v6: [], v4: [] }
  const arrive = (side: 'v6' | 'v4', packet: Packet): void => { arrivals[side].push({ packet: decode(encode(packet)), bytes: encode(packet) }) }
  const wire = (side: 'v6' | 'v4'): Wire => ({
    name: side, arrivals: arrivals[side], malformed: [],
    send: (packet: Packet) => {
      if (packet.dst === world.router6 || packet.dst === world.router4) arrive(side, { ...packet, src: packet.dst, dst: packet.src })
      else for (const [to, packets] of Object.entries(translate(packet)) as ['v6' | 'v4', Packet[]][]) for (const one of packets) arrive(to, one)
      return Promise.resolve()
    },
    until: (from: number, wanted: (arrival: Arrival) => boolean) => Promise.resolve(arrivals[side].slice(from).find(wanted)),
  }) as unknown as Wire
  return { v6: wire('v6'), v4: wire('v4') }
}

function fakeSetup(name: string, change: Partial<TranslatorSetup> = {}): { setup: TranslatorSetup; applied: TranslatorConfig[]; removed: () => number } {
  const applied: TranslatorConfig[] = []
  let removed = 0
  const setup: TranslatorSetup = {
    name, engine: 'jool', mode: 'inline', hops: 1, own: { v6: world.router6, v4: world.router4 }, marks: { v6: world.router6, v4: world.router4 }, queues: 0, mtu: 1500,
    missing: () => Promise.resolve(undefined), apply: (config) => { applied.push(config); return Promise.resolve() }, remove: () => { removed++; return Promise.resolve() }, sessionExpiry: () => Promise.resolve(undefined), ...change,
  }
  return { setup, applied, removed: () => removed }
}

const entry = (id: string, change: Partial<Entry> = {}): Entry => ({ id: `rfc7915-${id}`, rfc: 7915, section: '1', title: id, kinds: ['nat46'], config: plainConfig, run: () => Promise.resolve('seen'), ...change })
const other = (kind: TranslationKind): TranslatorConfig => plainConfig(kind, { prefix: '2001:db8:122::/48' })
const nowhere = fakeWires(() => ({}))

async function verdicts(input: Partial<TableInput> & Pick<TableInput, 'entries' | 'setups'>): Promise<string[]> {
  const results = await runTable({ kinds: ['nat46'], wires: nowhere, router: {} as RouterDriver, scaled: (ms) => ms, signal: new AbortController().signal, limitMs: 60_000, ...input })
  return results.map(({ id, verdict, detail }) => `${id.slice(8)} ${verdict}: ${detail}`)
}

describe('the table', () => {
  it('applies each configuration once, though its entries are apart, and takes the setup away', async () => {
    const { setup, applied, removed } = fakeSetup('fake')
    expect(await verdicts({ entries: [entry('a'), entry('b', { config: other }), entry('c')], setups: [setup] })).toEqual(['a pass: seen', 'c pass: seen', 'b pass: seen'])
    expect([applied, removed()]).toEqual([[plainConfig('nat46'), other('nat46')], 1])
  })

  it('asks an entry only about the kinds that it is for', async () => {
    const { setup } = fakeSetup('fake')
    expect(await verdicts({ entries: [entry('a', { kinds: ['nat64'] }), entry('b')], setups: [setup], kinds: ['nat46', 'nat64'] })).toEqual(['b pass: seen', 'a pass: seen'])
  })

  it('a configuration that the router refuses fails its entries in the router\'s words, and no others', async () => {
    const { setup } = fakeSetup('fake', { apply: (config) => config.prefix === world.prefix ? Promise.resolve() : Promise.reject(new CheckFailed('jool: no such prefix')) })
    expect(await verdicts({ entries: [entry('a', { config: other }), entry('b')], setups: [setup] })).toEqual(['a fail: jool: no such prefix', 'b pass: seen'])
  })

  it('a known limit speaks of what an entry saw, not of one that did not run, unless it is a refused configuration', async () => {
    const limits = [{ engine: 'jool' as const, what: 'cannot', source: 'https://example.net/1' }]
    const failing = entry('a', { limits, run: () => Promise.reject(new CheckFailed('as known')) })
    expect(await verdicts({ entries: [failing], setups: [fakeSetup('fake').setup] })).toEqual(['a known-limit: as known'])
    const refusing = fakeSetup('fake', { apply: () => Promise.reject(new CheckFailed('refused')) })
    expect(await verdicts({ entries: [failing], setups: [refusing.setup] })).toEqual(['a fail: refused'])
    expect(await verdicts({ entries: [entry('a', { limits: limits.map((limit) => ({ ...limit, refused: true as const })) })], setups: [refusing.setup] })).toEqual(['a known-limit: refused'])
  })

  it('a router that is lost fails all that was not reached, on every setup', async () => {
    const gone = entry('b', { run: () => Promise.reject(new ForgeError('E_BOOT', 'QEMU ended')) })
    expect(await verdicts({ entries: [entry('a'), gone, entry('c', { config: other })], setups: [fakeSetup('one').setup, fakeSetup('two').setup] })).toEqual([
      'a pass: seen', 'b fail: QEMU ended', 'c fail: not reached: QEMU ended', ...['a', 'b', 'c'].map((id) => `${id} fail: not reached: QEMU ended`),
    ])
  })

  it('what the lab itself cannot do is no result', async () => {
    const broken = entry('a', { run: () => Promise.reject(new ForgeError('E_LAB', 'no wire')) })
    await expect(verdicts({ entries: [broken], setups: [fakeSetup('fake').setup] })).rejects.toMatchObject({ code: 'E_LAB' })
  })

  it('begins nothing when its time is over, and says so', async () => {
    const slow = entry('a', { run: async () => { await new Promise((resolve) => setTimeout(resolve, 60)); return 'late' } })
    expect(await verdicts({ entries: [slow, entry('b', { config: other })], setups: [fakeSetup('fake').setup], limitMs: 50 })).toEqual(['a pass: late', 'b fail: not reached: the table\'s 0.05 s were over'])
  })

  it('a setup that this router does not have is skipped, with the reason', async () => {
    const { setup, applied } = fakeSetup('fake', { missing: () => Promise.resolve('no plug-in') })
    expect(await verdicts({ entries: [entry('a')], setups: [setup] })).toEqual(['a skip: no plug-in'])
    expect(applied).toEqual([])
  })
})

describe('an entry', () => {
  const { a6, a4, s6, s4 } = world
  const sent = ip6({ src: a6, dst: s6, payload: udp(1, 2, pattern(10)) })
  const right = ip4({ src: a4, dst: s4, ttl: 63, identification: 777, payload: udp(1, 2, pattern(10)) })
  const expects: Entry['run'] = async (bench) => { await bench.translates('v6', sent, ip4({ src: a4, dst: s4, ttl: bench.hop(64), payload: udp(1, 2, pattern(10)) })); return 'translated' }
  const outcome = async (out: { v6?: Packet[]; v4?: Packet[] }, run = expects): Promise<string> => (await verdicts({ entries: [entry('a', { run })], setups: [fakeSetup('fake').setup], wires: fakeWires(() => out) }))[0] ?? ''

  it('passes when exactly the packet that it expects comes out, whatever the identification', async () => {
    expect(await outcome({ v4: [right] })).toBe('a pass: translated')
  })

  it('fails when nothing comes, when a field differs, and when something else comes besides', async () => {
    expect(await outcome({})).toMatch(/^a fail: expected 203\.0\.113\.65 > 203\.0\.113\.130 udp 1 > 2, 10 bytes on v4, got nothing$/)
    expect(await outcome({ v4: [{ ...right, ttl: 64 }] })).toContain('ttl: 64, expected 63')
    expect(await outcome({ v4: [{ ...right, payload: udp(1, 2, pattern(10), 5) }] })).toMatch(/payload\.checksum: 5, expected \d+/)
    expect(await outcome({ v4: [right, right] })).toContain('a fail: expected')
    expect(await outcome({ v4: [right], v6: [sent] })).toContain('on v6 2001:db8:6464::a')
  })

  it('about a dropped packet fails when anything at all comes out', async () => {
    const drops: Entry['run'] = async (bench) => { await bench.drops('v6', sent); return 'dropped' }
    expect(await outcome({}, drops)).toBe('a pass: dropped')
    expect(await outcome({ v6: [ip6({ src: world.router6, dst: a6, payload: udp(1, 2, '') })] }, drops)).toContain('a fail: expected nothing')
  })

  it('about a refused packet wants the error quoting what was sent', async () => {
    const refuses: Entry['run'] = async (bench) => { await bench.refuses(sent, { type: 3, code: 0 }); return 'refused' }
    const run = async (about: Packet): Promise<string> => {
      let error: Packet | undefined
      await outcome({}, async (bench) => { error = bench.complaint(about, { type: 3, code: 0 }); return Promise.resolve('') })
      return await outcome({ v6: error ? [{ ...error, hopLimit: 255 } as Packet] : [] }, refuses)
    }
    expect(await run(sent)).toBe('a pass: refused')
    expect(await run({ ...sent, hopLimit: 63 })).toContain('payload.inner.hopLimit: 63, expected 64')
  })
})
