import type { TranslationKind, TranslatorConfig } from '../translator.ts'

export const joolInstance = 'table'

export function joolTool(kind: TranslationKind): 'jool' | 'jool_siit' {
  return kind === 'nat64' ? 'jool' : 'jool_siit'
}

/** What an administrator would type to get this configuration, after the modules are loaded. */
export function joolCommands(config: TranslatorConfig, framework: 'netfilter' | 'iptables'): string[] {
  const tool = joolTool(config.kind)
  const of = `${tool} -i ${joolInstance}`
  return [
    `${tool} instance add ${joolInstance} --${framework} --pool6 ${config.prefix}`,
    ...config.pools.map(({ protocol, address, ports, mark }) => `${of} pool4 add --${protocol} ${mark === undefined ? '' : `--mark ${String(mark)} `}${address} ${ports}`),
    ...config.statics.map(({ protocol, inside, insidePort, outside, outsidePort }) => `${of} bib add --${protocol} ${inside}#${String(insidePort)} ${outside}#${String(outsidePort)}`),
    // Maps may overlap on purpose: the longer prefix wins.
    ...config.maps.map(({ ipv4, ipv6 }) => `${of} eamt add --force ${ipv4} ${ipv6}`),
    ...Object.entries(config.options).map(([name, value]) => `${of} global update ${name} ${value}`),
  ]
}

/** "2:00:00", "4:59" or "1 day 0:00:00" as Jool's tables write what is left, in seconds. */
export function secondsOf(text: string): number | undefined {
  const match = /^(?:(\d+):)?(\d+):(\d+)(?:\.\d+)?$/.exec(text.trim())
  return match ? Number(match[1] ?? 0) * 3600 + Number(match[2]) * 60 + Number(match[3]) : undefined
}
