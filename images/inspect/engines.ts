import type { KernelConfig } from '../../scripts/formats/kconfig.ts'
import type { SigningPolicy } from './kernel.ts'
import type { EngineVerdict, ModuleVerdict } from './report.ts'

/** What decides whether something translates. */
export interface EngineFacts {
  /** Of the kernel that boots; undefined without one. */
  release: string | undefined
  architecture: string | undefined
  config: KernelConfig | undefined
  signing: SigningPolicy | undefined
  /** Names of those whose signatures the kernel takes. */
  trusted: readonly string[]
  /** Shipped modules of Jool, judged like given ones. */
  shippedModules: readonly ModuleVerdict[]
  tools: readonly string[]
  /** Jool's own version of the package that has the tools, 4.1.13; undefined when no package says it. */
  toolsVersion: string | undefined
  plugins: readonly string[]
  tayga: boolean
  /** Why no version of Jool is known to work with this kernel; undefined when one does. */
  unsupported: string | undefined
}

type Mode = EngineVerdict['mode']

/** Options that a way of translating needs, with what each is for. */
const needs: Record<'every' | Mode, readonly [string, string][]> = {
  every: [['MODULES', 'loads modules'], ['NETFILTER', 'lets modules see packets'], ['IPV6', 'speaks IPv6']],
  netfilter: [['NF_DEFRAG_IPV4', 'puts IPv4 fragments together'], ['NF_DEFRAG_IPV6', 'puts IPv6 fragments together']],
  iptables: [['NF_DEFRAG_IPV4', 'puts IPv4 fragments together'], ['NF_DEFRAG_IPV6', 'puts IPv6 fragments together'], ['NETFILTER_XTABLES', 'is iptables\' base']],
  'own namespace': [['NF_DEFRAG_IPV4', 'puts IPv4 fragments together'], ['NF_DEFRAG_IPV6', 'puts IPv6 fragments together'], ['NET_NS', 'makes network namespaces'], ['VETH', 'joins network namespaces']],
  tun: [['TUN', 'hands packets to a program']],
}

/** The release of Jool whose command for a new instance was compiled without iptables, its configuration file's reader with it. */
const refusingTools = '4.1.13'

/** The table of `inspect`: each way to translate, whether it works, why, and what to do. */
export function judgeEngines(facts: EngineFacts): EngineVerdict[] {
  const rows: EngineVerdict[] = []
  for (const engine of ['Jool NAT64', 'Jool SIIT'] as const) for (const mode of ['netfilter', 'iptables', 'own namespace'] as const) rows.push(jool(engine, mode, facts))
  return [...rows, tayga(facts)]
}

function jool(engine: 'Jool NAT64' | 'Jool SIIT', mode: Exclude<Mode, 'tun'>, facts: EngineFacts): EngineVerdict {
  const row = (works: EngineVerdict['works'], why: string, remedy = ''): EngineVerdict => ({ engine, mode, works, why, remedy })
  const blocked = blockedBy(mode, facts)
  if (blocked) return row('no', ...blocked)
  const [module, tool, plugin] = engine === 'Jool NAT64' ? ['jool', 'jool', 'libxt_JOOL.so'] : ['jool_siit', 'jool_siit', 'libxt_JOOL_SIIT.so']
  const shipped = facts.shippedModules.filter(({ name }) => name === module || name === 'jool_common')
  const own = shipped.find(({ name }) => name === module)
  const refused = shipped.find(({ loads }) => !loads)
  const missing = [
    ...(facts.tools.some((path) => path.endsWith(`/${tool}`)) ? [] : [`the program ${tool}`]),
    ...(mode === 'iptables' && !facts.plugins.some((path) => path.endsWith(`/${plugin}`)) ? [`the iptables plug-in ${plugin}`] : []),
  ]
  if (mode === 'iptables' && own && !refused && !own.forIptables) {
    const why = `the image's modules of Jool ${versionOf(own)} load, but were compiled without their targets for iptables`
    return facts.signing === 'forced'
      ? row('no', `${why}, and the kernel loads no others`, 'use mode netfilter, or Jool in a network namespace of its own')
      : row('with-packages', why, `${buildAndInstall(facts)} in their place; or use mode netfilter, or Jool in a network namespace of its own`)
  }
  const version = own && /^\d+\.\d+\.\d+/.exec(own.version ?? '')?.[0]
  if (own && !refused && missing.length === 0 && version !== undefined && facts.toolsVersion !== undefined && facts.toolsVersion !== version) {
    return row('with-packages', `the image's modules are of Jool ${version} and load, its tools are of ${facts.toolsVersion}: they do not understand each other`, `install the tools of exactly Jool ${version}${facts.signing === 'forced' ? '' : ', or modules and tools of one other version'}`)
  }
  if (own && !refused && missing.length === 0) {
    const works = `Jool ${versionOf(own)} is in the image, and its modules load${shipped.every(({ signature }) => signature?.valid === true) ? '' : underSecureBoot(facts)}`
    return row('now', works, mode === 'iptables' && version === refusingTools ? `make instances by \`${tool} file handle\` or nat64ctl: the tools' \`instance add --iptables\` refuses in this version (https://github.com/NICMx/Jool/issues/424)` : '')
  }
  if (own && !refused) return row('with-packages', `the image's modules of Jool ${versionOf(own)} load; ${missing.join(' and ')} is missing`, `install the tools of exactly Jool ${versionOf(own)}: modules and tools of different versions do not understand each other`)
  if (facts.signing === 'forced') {
    return row('no', `${refused ? `the image's own modules are refused: ${refused.problems[0]?.message ?? ''}; and ` : ''}the kernel loads only modules signed by ${facts.trusted.length > 0 ? facts.trusted.map((name) => `"${name}"`).join(' or ') : 'a key that it knows, and it knows none'}`,
      'build kernel and modules together and swap the kernel (`headers.provider: source`), be called by the kernel\'s own build (`headers.provider: tree`), or use TAYGA')
  }
  if (facts.unsupported !== undefined) return row('no', facts.unsupported, 'use TAYGA, or try a newer version of Jool')
  const trimmed = facts.config?.isSet('TRIM_UNUSED_KSYMS') === true ? '; but it exports only what its own modules use (CONFIG_TRIM_UNUSED_KSYMS), which may not be all that Jool needs: the build tells' : ''
  const unchecked = facts.config === undefined ? '; the image has no kernel configuration, so what the kernel must offer was not checked' : ''
  const why = refused ? `the image's own modules are refused: ${refused.problems[0]?.message ?? ''}` : 'the image has no modules of Jool'
  return row('with-packages', `${why}; the kernel loads modules built for it${unchecked}${trimmed}${underSecureBoot(facts)}`, buildAndInstall(facts))
}

function buildAndInstall({ release }: EngineFacts): string {
  return `build against the headers of exactly ${release ?? ''} (\`headers.provider: iso\` or \`packages\`) and install the packages`
}

function tayga(facts: EngineFacts): EngineVerdict {
  const row = (works: EngineVerdict['works'], why: string, remedy = ''): EngineVerdict => ({ engine: 'TAYGA', mode: 'tun', works, why, remedy })
  const blocked = facts.release === undefined ? noKernel : missingOption([['IPV6', 'speaks IPv6'], ...needs.tun], facts)
  if (blocked) return row('no', ...blocked)
  if (facts.tayga) return row('now', 'TAYGA is in the image, and needs no module of its own')
  return row('with-packages', 'it needs no module of its own, whatever the kernel asks of modules', 'install Debian\'s package tayga; it is stateless and slower than Jool')
}

/** Lockdown asks for signatures as well; whether Secure Boot is on, and which keys its owner enrolled, no image tells. */
function underSecureBoot({ config, signing }: EngineFacts): string {
  return signing === 'any' && config?.isSet('LOCK_DOWN_IN_EFI_SECURE_BOOT') === true ? '; when Secure Boot is on, only if they are signed by a key that the machine\'s owner enrolled' : ''
}

const noKernel: [string, string] = ['the image has no kernel', 'give a router\'s image']

function blockedBy(mode: Mode, facts: EngineFacts): [string, string] | undefined {
  if (facts.release === undefined) return noKernel
  if (facts.architecture !== undefined && facts.architecture !== 'amd64') return [`the image is for ${facts.architecture}, and modules are built for amd64 only`, 'use an image for amd64']
  return missingOption([...needs.every, ...needs[mode]], facts) ?? (mode === 'iptables' ? missingTables(facts) : undefined)
}

function missingOption(options: readonly [string, string][], { config }: EngineFacts): [string, string] | undefined {
  const missing = config && options.find(([name]) => !config.isSet(name))
  return missing && [`the kernel has no CONFIG_${missing[0]}, which ${missing[1]}`, `use a kernel with CONFIG_${missing[0]}`]
}

// iptables over nftables needs NFT_COMPAT to call a target of xtables; the old one needs its mangle tables.
function missingTables({ config }: EngineFacts): [string, string] | undefined {
  if (!config || config.isSet('NFT_COMPAT') || (config.isSet('IP_NF_MANGLE') && config.isSet('IP6_NF_MANGLE'))) return undefined
  return ['the kernel has neither CONFIG_NFT_COMPAT nor the mangle tables of iptables', 'use mode netfilter']
}

function versionOf({ version }: ModuleVerdict): string {
  return (version ?? 'of unknown version').replace(/\.0$/, '')
}
