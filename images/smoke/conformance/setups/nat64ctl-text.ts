import type { Engine, Mode, TranslatorConfig } from '../translator.ts'

/** Options that are there or not. */
const flags = ['address-dependent-filtering', 'drop-externally-initiated-tcp', 'drop-icmpv6-info', 'amend-udp-checksum-zero', 'zeroize-traffic-class']
/** Jool's name of an option, where nat64ctl's tree has another. */
const paths: Readonly<Record<string, string>> = { 'icmp-timeout': 'timeout icmp', 'eam-hairpin-mode': 'option eam-hairpin', 'rfc6791v4-prefix': 'option rfc6791 address' }
/** Jool's tool says `off` where its own documents and nat64ctl say `none`. */
const values: Readonly<Record<string, string>> = { off: 'none' }
/** Of a table that is configured. */
export const firstRule = 100
/** What TAYGA's NAT64 has: a client that has no fixed address gets one of these, and the first is its own. */
export const taygaPool = { network: '203.0.113.96/28', first: '203.0.113.96' }

/** The configuration as nat64ctl reads it: `set` lines, one end each. */
export function nat64ctlText(config: TranslatorConfig, engine: Engine, mode: Mode): string {
  // The options are Jool's; TAYGA does what it does.
  const taken = engine === 'jool' ? config : { ...config, options: {}, maps: config.maps.filter(sameSize) }
  const lines = taken.kind === 'nat46' ? nat46(taken) : engine === 'tayga' ? nat64OfTayga(taken) : nat64(taken)
  const chosen = lines.rules.flatMap((rule) => [...engine === 'jool' ? [] : [`${rule} engine ${engine}`], ...mode === 'inline' ? [] : [`${rule} mode ${mode}`]])
  const clat = config.clat === undefined ? [] : [`nat46 clat plat-prefix ${config.prefix}`, `nat46 clat ipv4 address ${config.clat.ipv4}`, `nat46 clat ipv6 prefix ${config.clat.ipv6}`, 'nat46 clat mode isolated']
  return [...lines.set, ...chosen, ...clat].map((line) => `set ${line}\n`).join('')
}

/** TAYGA has no others. */
function sameSize({ ipv4, ipv6 }: TranslatorConfig['maps'][number]): boolean {
  const hostBits = (network: string, bits: number): number => bits - Number(network.split('/')[1] ?? bits)
  return hostBits(ipv4, 32) === hostBits(ipv6, 128)
}

/** Pools with different marks are rules of their own, with the same prefix. */
function nat64(config: TranslatorConfig): { rules: string[]; set: string[] } {
  const marks = [...new Set(config.pools.map(({ mark }) => mark))]
  const rules = marks.map((_, index) => `nat64 source rule ${String(firstRule + index)}`)
  const set = rules.flatMap((rule, index) => {
    const mark = marks[index]
    return [
      `${rule} source prefix ${config.prefix}`,
      ...mark === undefined ? [] : [`${rule} match mark ${String(mark)}`],
      ...config.pools.filter((pool) => pool.mark === mark).flatMap(({ address, ports, protocol }, number) => {
        const pool = `${rule} translation pool ${String(number + 1)}`
        return [`${pool} address ${address}`, `${pool} port ${ports}`, `${pool} protocol ${protocol}`]
      }),
      ...index > 0 ? [] : config.statics.flatMap(({ protocol, inside, insidePort, outside, outsidePort }, number) => {
        const entry = `${rule} static ${String(number + 1)}`
        return [`${entry} protocol ${protocol}`, `${entry} inside address ${inside}`, `${entry} inside port ${String(insidePort)}`, `${entry} outside address ${outside}`, `${entry} outside port ${String(outsidePort)}`]
      }),
      ...options(rule, config),
    ]
  })
  return { rules, set }
}

/** Without ports: each inside address that has a fixed mapping has the whole outside address. */
function nat64OfTayga({ prefix, statics }: TranslatorConfig): { rules: string[]; set: string[] } {
  const rule = `nat64 source rule ${String(firstRule)}`
  const pairs = new Map(statics.map(({ inside, outside }) => [inside, outside]))
  return {
    rules: [rule],
    set: [
      `${rule} source prefix ${prefix}`, `${rule} translation pool 1 address ${taygaPool.network}`,
      ...[...pairs].flatMap(([inside, outside], number) => [`${rule} static ${String(number + 1)} inside address ${inside}`, `${rule} static ${String(number + 1)} outside address ${outside}`]),
    ],
  }
}

/** One rule a map; a translator that has none has nothing to configure it by. */
function nat46(config: TranslatorConfig): { rules: string[]; set: string[] } {
  const rules = config.maps.map((_, index) => `nat46 destination rule ${String(firstRule + index)}`)
  const set = rules.flatMap((rule, index) => {
    const map = config.maps[index]
    return map === undefined ? [] : [`${rule} destination address ${map.ipv4}`, `${rule} translation address ${map.ipv6}`, `${rule} source prefix ${config.prefix}`, ...options(rule, config)]
  })
  return { rules, set }
}

function options(rule: string, { options: wanted }: TranslatorConfig): string[] {
  return Object.entries(wanted).flatMap(([name, value]) => {
    if (flags.includes(name)) return value === 'true' ? [`${rule} option ${name}`] : []
    return [`${rule} ${paths[name] ?? `option ${name}`} ${values[value] ?? value}`]
  })
}
