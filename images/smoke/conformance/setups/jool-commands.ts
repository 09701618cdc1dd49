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
    framework === 'netfilter'
      ? `${tool} instance add ${joolInstance} --netfilter --pool6 ${config.prefix}`
      // `instance add --iptables` of 4.1.13 refuses: https://github.com/NICMx/Jool/issues/424
      : `echo '${JSON.stringify({ instance: joolInstance, framework, global: { pool6: config.prefix } })}' | ${tool} file handle /dev/stdin`,
    ...config.pools.map(({ protocol, address, ports, mark }) => `${of} pool4 add --${protocol} ${mark === undefined ? '' : `--mark ${String(mark)} `}${address} ${ports}`),
    ...config.statics.map(({ protocol, inside, insidePort, outside, outsidePort }) => `${of} bib add --${protocol} ${inside}#${String(insidePort)} ${outside}#${String(outsidePort)}`),
    // Maps may overlap on purpose: the longer prefix wins.
    ...config.maps.map(({ ipv4, ipv6 }) => `${of} eamt add --force ${ipv4} ${ipv6}`),
    ...Object.entries(config.options).map(([name, value]) => `${of} global update ${name} ${value}`),
  ]
}
