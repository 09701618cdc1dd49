import { describe, expect, test } from 'vitest'
import { judgeEngines, type EngineFacts } from '../../../../images/inspect/engines.ts'
import type { ModuleVerdict } from '../../../../images/inspect/report.ts'
import { parseKernelConfig } from '../../../../scripts/formats/kconfig.ts'

const options = ['MODULES', 'NETFILTER', 'IPV6', 'NF_DEFRAG_IPV4', 'NF_DEFRAG_IPV6', 'NETFILTER_XTABLES', 'NET_NS', 'VETH', 'TUN', 'NFT_COMPAT']
const config = (without: readonly string[] = []): ReturnType<typeof parseKernelConfig> => parseKernelConfig(options.filter((name) => !without.includes(name)).map((name) => `CONFIG_${name}=m\n`).join(''))
const module = (name: string, problem?: string): ModuleVerdict => ({
  file: `${name}.ko`, name, version: '4.1.9.0', vermagic: '', loads: problem === undefined, notes: [], signature: null, crcsChecked: 0, forIptables: true,
  problems: problem === undefined ? [] : [{ check: 'signature', message: problem, remedy: '' }],
})
const facts: EngineFacts = {
  release: '6.6.54-vyos', architecture: 'amd64', config: config(), signing: 'off', trusted: [], shippedModules: [], tools: [], toolsVersion: undefined, plugins: [], tayga: false, unsupported: undefined,
}
const all = [module('jool_common'), module('jool'), module('jool_siit')]
const table = (changes: Partial<EngineFacts>): string[] => judgeEngines({ ...facts, ...changes }).map(({ engine, mode, works }) => `${engine}/${mode}: ${works}`)
const row = (changes: Partial<EngineFacts>, engine = 'Jool NAT64', mode = 'netfilter'): string => {
  const found = judgeEngines({ ...facts, ...changes }).find((candidate) => candidate.engine === engine && candidate.mode === mode)
  return `${found?.works ?? ''}: ${found?.why ?? ''} -> ${found?.remedy ?? ''}`
}

test('everything shipped works now', () => {
  expect(table({ shippedModules: all, tools: ['usr/bin/jool', 'usr/bin/jool_siit'], plugins: ['x/libxt_JOOL.so', 'x/libxt_JOOL_SIIT.so'], tayga: true })).toEqual([
    'Jool NAT64/netfilter: now', 'Jool NAT64/iptables: now', 'Jool NAT64/own namespace: now', 'Jool SIIT/netfilter: now', 'Jool SIIT/iptables: now', 'Jool SIIT/own namespace: now', 'TAYGA/tun: now',
  ])
})

test('a kernel that takes any module needs packages', () => {
  expect(row({})).toBe('with-packages: the image has no modules of Jool; the kernel loads modules built for it -> build against the headers of exactly 6.6.54-vyos (`headers.provider: iso` or `packages`) and install the packages')
  expect(row({ config: undefined })).toContain('was not checked')
})

describe('signatures that are forced', () => {
  test('leave the shipped modules', () => {
    expect(table({ signing: 'forced', shippedModules: all, tools: ['usr/bin/jool'] })).toEqual([
      'Jool NAT64/netfilter: now', 'Jool NAT64/iptables: with-packages', 'Jool NAT64/own namespace: now', 'Jool SIIT/netfilter: with-packages', 'Jool SIIT/iptables: with-packages', 'Jool SIIT/own namespace: with-packages', 'TAYGA/tun: with-packages',
    ])
  })

  test('refuse all others, and say what would do', () => {
    expect(row({ signing: 'forced', trusted: ['VyOS build'] })).toBe('no: the kernel loads only modules signed by "VyOS build" -> build kernel and modules together and swap the kernel (`headers.provider: source`), be called by the kernel\'s own build (`headers.provider: tree`), or use TAYGA')
    expect(row({ signing: 'forced', shippedModules: [module('jool_common'), module('jool', 'it is not signed')] })).toContain('no: the image\'s own modules are refused: it is not signed; and the kernel loads only modules signed by a key that it knows, and it knows none')
  })
})

test('tools of the right version are asked for where only modules are shipped', () => {
  expect(row({ shippedModules: all })).toBe('with-packages: the image\'s modules of Jool 4.1.9 load; the program jool is missing -> install the tools of exactly Jool 4.1.9: modules and tools of different versions do not understand each other')
})

describe('modules without Jool\'s targets for iptables', () => {
  const deaf = { shippedModules: all.map((one) => ({ ...one, forIptables: false })), tools: ['usr/bin/jool', 'usr/bin/jool_siit'], plugins: ['x/libxt_JOOL.so', 'x/libxt_JOOL_SIIT.so'] }

  test('translate in the other modes only', () => {
    expect(table(deaf)).toEqual([
      'Jool NAT64/netfilter: now', 'Jool NAT64/iptables: with-packages', 'Jool NAT64/own namespace: now', 'Jool SIIT/netfilter: now', 'Jool SIIT/iptables: with-packages', 'Jool SIIT/own namespace: now', 'TAYGA/tun: with-packages',
    ])
    expect(row(deaf, 'Jool SIIT', 'iptables')).toBe('with-packages: the image\'s modules of Jool 4.1.9 load, but were compiled without their targets for iptables -> build against the headers of exactly 6.6.54-vyos (`headers.provider: iso` or `packages`) and install the packages in their place; or use mode netfilter, or Jool in a network namespace of its own')
  })

  test('have no remedy where the kernel takes no others', () => {
    expect(row({ ...deaf, signing: 'forced' }, 'Jool NAT64', 'iptables')).toBe('no: the image\'s modules of Jool 4.1.9 load, but were compiled without their targets for iptables, and the kernel loads no others -> use mode netfilter, or Jool in a network namespace of its own')
  })
})

test('a kernel without x_tables translates in the other modes: modules can be built without their targets', () => {
  expect(table({ config: config(['NETFILTER_XTABLES']) })).toEqual([
    'Jool NAT64/netfilter: with-packages', 'Jool NAT64/iptables: no', 'Jool NAT64/own namespace: with-packages', 'Jool SIIT/netfilter: with-packages', 'Jool SIIT/iptables: no', 'Jool SIIT/own namespace: with-packages', 'TAYGA/tun: with-packages',
  ])
})

test('tools of 4.1.13 make instances for iptables in one way only, and that is told', () => {
  const shipped = { shippedModules: all.map((one) => ({ ...one, version: '4.1.13.0' })), tools: ['usr/bin/jool', 'usr/bin/jool_siit'], plugins: ['x/libxt_JOOL.so', 'x/libxt_JOOL_SIIT.so'] }
  expect(row(shipped, 'Jool SIIT', 'iptables')).toBe('now: Jool 4.1.13 is in the image, and its modules load -> make instances by `jool_siit file handle` or nat64ctl: the tools\' `instance add --iptables` refuses in this version (https://github.com/NICMx/Jool/issues/424)')
  expect(row(shipped)).toBe('now: Jool 4.1.13 is in the image, and its modules load -> ')
})

test('tools and modules of different versions do not work together', () => {
  const shipped = { shippedModules: all, tools: ['usr/bin/jool'] }
  expect(row({ ...shipped, toolsVersion: '4.1.9' })).toBe('now: Jool 4.1.9 is in the image, and its modules load -> ')
  expect(row({ ...shipped, toolsVersion: '4.1.13' })).toBe('with-packages: the image\'s modules are of Jool 4.1.9 and load, its tools are of 4.1.13: they do not understand each other -> install the tools of exactly Jool 4.1.9, or modules and tools of one other version')
  expect(row({ ...shipped, toolsVersion: '4.1.13', signing: 'forced' })).toMatch(/ -> install the tools of exactly Jool 4\.1\.9$/)
})

test('a kernel that Secure Boot locks down takes unsigned modules only without it', () => {
  const locked = { config: parseKernelConfig(`${options.map((name) => `CONFIG_${name}=m\n`).join('')}CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y\n`), signing: 'any' } as const
  const condition = '; when Secure Boot is on, only if they are signed by a key that the machine\'s owner enrolled'
  expect(row(locked)).toContain(`the kernel loads modules built for it${condition} -> `)
  expect(row({ ...locked, shippedModules: all, tools: ['usr/bin/jool'] })).toBe(`now: Jool 4.1.9 is in the image, and its modules load${condition} -> `)
  const signature = { signer: 'own', hash: 'sha256', keyId: '', valid: true }
  expect(row({ ...locked, shippedModules: all.map((one) => ({ ...one, signature })), tools: ['usr/bin/jool'] })).toBe('now: Jool 4.1.9 is in the image, and its modules load -> ')
  expect(row({ ...locked, signing: 'off' })).not.toContain('Secure Boot')
})

test('a kernel that exports only what it uses itself promises less', () => {
  const trimmed = parseKernelConfig(`${options.map((name) => `CONFIG_${name}=m\n`).join('')}CONFIG_TRIM_UNUSED_KSYMS=y\n`)
  expect(row({ config: trimmed })).toContain('with-packages: the image has no modules of Jool; the kernel loads modules built for it; but it exports only what its own modules use (CONFIG_TRIM_UNUSED_KSYMS)')
})

test.each<[string, Partial<EngineFacts>, string, string, string]>([
  ['no kernel', { release: undefined }, 'Jool NAT64', 'netfilter', 'no: the image has no kernel -> give a router\'s image'],
  ['no kernel, for TAYGA', { release: undefined }, 'TAYGA', 'tun', 'no: the image has no kernel -> give a router\'s image'],
  ['another architecture', { architecture: 'arm64' }, 'Jool SIIT', 'netfilter', 'no: the image is for arm64, and modules are built for amd64 only -> use an image for amd64'],
  ['a kernel without modules', { config: config(['MODULES']) }, 'Jool NAT64', 'netfilter', 'no: the kernel has no CONFIG_MODULES, which loads modules -> use a kernel with CONFIG_MODULES'],
  ['no defragmentation', { config: config(['NF_DEFRAG_IPV6']) }, 'Jool NAT64', 'own namespace', 'no: the kernel has no CONFIG_NF_DEFRAG_IPV6, which puts IPv6 fragments together -> use a kernel with CONFIG_NF_DEFRAG_IPV6'],
  ['no namespaces', { config: config(['VETH']) }, 'Jool NAT64', 'own namespace', 'no: the kernel has no CONFIG_VETH, which joins network namespaces -> use a kernel with CONFIG_VETH'],
  ['no iptables tables', { config: config(['NFT_COMPAT']) }, 'Jool SIIT', 'iptables', 'no: the kernel has neither CONFIG_NFT_COMPAT nor the mangle tables of iptables -> use mode netfilter'],
  ['no tun devices', { config: config(['TUN']) }, 'TAYGA', 'tun', 'no: the kernel has no CONFIG_TUN, which hands packets to a program -> use a kernel with CONFIG_TUN'],
  ['a kernel too new', { unsupported: 'no known version of Jool supports Linux 9.0' }, 'Jool NAT64', 'netfilter', 'no: no known version of Jool supports Linux 9.0 -> use TAYGA, or try a newer version of Jool'],
])('%s is a reason', (_what, changes, engine, mode, text) => {
  expect(row(changes, engine, mode)).toBe(text)
})
