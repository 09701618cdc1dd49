import type { Edition } from '../cli-tree/man-pages.ts'
import type { Suite } from '../../scripts/domain/suite.ts'

export type Content =
  | { kind: 'text'; text: string }
  /** A kernel module of the modules artifact. */
  | { kind: 'module'; name: string }
  /** A file of the project; each `@KEY@` in it is replaced. */
  | { kind: 'asset'; path: string; fill?: Record<string, string> }
  /** Made of the router's CLI tree. */
  | { kind: 'generated'; what: 'tree.json' | 'nat64.config.5' | 'nat64ctl.8' | 'bash-completion' | 'reference'; edition: Edition }

/** Files that are made of the router's CLI tree, each at its own path below a folder. How many there are only the tree says. */
export interface GeneratedTree {
  what: 'vyos/configuration-templates' | 'vyos/operational-templates' | 'vyos/interface-definitions' | 'vyos/operational-definitions' | 'vyos/reference-cache' | 'vyos/operational-reference'
  /** Where they land, without the leading slash. */
  below: string
  gzip?: boolean
}

export interface PlannedFile {
  /** Where it lands, without the leading slash. */
  path: string
  mode: number
  gzip?: boolean
  content: Content
}

/** Files to take from a tree at the same path. */
export interface TreeRule {
  /** A folder of the project. Default: the tree of Jool's tools, as it was built. */
  from?: string
  /** A regular expression over the whole path, without the leading slash. */
  pattern: string
  mode: number
  gzip?: boolean
  /** Fewer files than this mean that the tree is incomplete. */
  atLeast: number
}

/**
 * Where kernels and units live. Until Debian 12 packages named the paths /lib/…, also where /lib is a link;
 * since Debian 13 they name the real ones, and dpkg must see the same name as in the kernel's own package.
 */
export function libraryFolder(suite: Suite): 'lib' | 'usr/lib' {
  switch (suite) {
    case 'bullseye':
    case 'bookworm':
      return 'lib'
    case 'trixie':
    case 'forky':
    case 'sid':
      return 'usr/lib'
    default:
      return suite satisfies never
  }
}

const folder = 'packaging/jool-tools'

/** The files of jool-tools that are written here. */
export function toolsFiles(library: 'lib' | 'usr/lib'): PlannedFile[] {
  return ['jool', 'jool_siit'].flatMap((name): PlannedFile[] => [
    { path: `${library}/systemd/system/${name}.service`, mode: 0o644, content: { kind: 'asset', path: `${folder}/usr/lib/systemd/system/${name}.service` } },
    { path: `usr/share/doc/jool-tools/examples/${name}.conf`, mode: 0o644, content: { kind: 'asset', path: `${folder}/usr/share/doc/jool-tools/examples/${name}.conf` } },
  ])
}

/** What jool-tools takes of Jool's own build, whoever made it. Its units and init scripts stay behind: ours replace them. */
export const toolsTreeRules: readonly TreeRule[] = [
  { pattern: 'usr/bin/(jool|jool_siit|joold)', mode: 0o755, atLeast: 3 },
  { pattern: 'usr/lib/([^/]+/)?xtables/libxt_JOOL(_SIIT)?\\.so', mode: 0o644, atLeast: 2 },
  { pattern: 'usr/share/man/man8/(jool|jool_siit|joold)\\.8(\\.gz)?', mode: 0o644, gzip: true, atLeast: 3 },
  { pattern: 'usr/share/bash-completion/completions/(jool|jool_siit)(\\.bash)?', mode: 0o644, atLeast: 2 },
]

const nat64ctl = 'packaging/nat64ctl'
const python = 'usr/lib/python3/dist-packages/nat64ctl'

/** The configuration that the manual shows; relative to the project. */
export const nat64ctlExample = `${nat64ctl}/usr/share/doc/nat64ctl/examples/nat64.config`

/** The files of nat64ctl, but for its Python. */
export function nat64ctlFiles(edition: Edition, library: 'lib' | 'usr/lib'): PlannedFile[] {
  const asset = (path: string, mode = 0o644): PlannedFile => ({ path, mode, content: { kind: 'asset', path: `${nat64ctl}/${path}` } })
  const unit = (name: string): PlannedFile => ({ path: `${library}/systemd/system/${name}`, mode: 0o644, content: { kind: 'asset', path: `${nat64ctl}/usr/lib/systemd/system/${name}` } })
  const generated = (path: string, what: (Content & { kind: 'generated' })['what']): PlannedFile => ({ path, mode: 0o644, ...(path.endsWith('.gz') ? { gzip: true } : {}), content: { kind: 'generated', what, edition } })
  return [
    asset('etc/nat64/nat64.config'),
    // Hooks of what brings interfaces up. dhclient-script reads its own, it does not run it.
    asset('etc/dhcp/dhclient-exit-hooks.d/nat64'),
    asset('etc/network/if-up.d/nat64', 0o755),
    asset('etc/networkd-dispatcher/routable.d/50-nat64', 0o755),
    asset('etc/NetworkManager/dispatcher.d/50-nat64', 0o755),
    ...['ip-up.d', 'ipv6-up.d'].map((name) => asset(`etc/ppp/${name}/nat64`, 0o755)),
    ...['nat64.service', 'nat64-refresh.service', 'nat64-tayga@.service', 'nat64-joold@.service', 'nat64-log@.service'].map(unit),
    { path: `${library}/systemd/journald@nat64.conf.d/nat64.conf`, mode: 0o644, content: { kind: 'asset', path: `${nat64ctl}/usr/lib/systemd/journald@nat64.conf.d/nat64.conf` } },
    { path: `${library}/systemd/network/00-nat64.network`, mode: 0o644, content: { kind: 'asset', path: `${nat64ctl}/usr/lib/systemd/network/00-nat64.network` } },
    asset('usr/lib/nat64ctl/refresh', 0o755),
    asset('usr/sbin/nat64ctl', 0o755),
    ...['nat64.config', 'nat46.config', 'tayga.config'].map((name) => asset(`usr/share/doc/nat64ctl/examples/${name}`)),
    generated(`${python}/tree.json`, 'tree.json'),
    generated('usr/share/bash-completion/completions/nat64ctl', 'bash-completion'),
    generated('usr/share/doc/nat64ctl/configuration.md.gz', 'reference'),
    generated('usr/share/man/man5/nat64.config.5.gz', 'nat64.config.5'),
    generated('usr/share/man/man8/nat64ctl.8.gz', 'nat64ctl.8'),
  ]
}

/** Whatever Python lies there; what it is compiled to belongs to the router. */
export const nat64ctlTreeRules: readonly TreeRule[] = [{ from: nat64ctl, pattern: `${python}/([^/]+/)*[^/]+\\.py`, mode: 0o644, atLeast: 2 }]

const vyosNat64 = 'packaging/vyos-nat64'
const vyosPython = 'usr/lib/python3/dist-packages/vyos_nat64'

/** The files of vyos-nat64 that are written, but for its Python. */
export const vyosNat64Files: readonly PlannedFile[] = [
  ...['conf_mode/nat64.py', 'conf_mode/nat46.py', 'op_mode/nat64_nat46.py', 'op_mode/nat64_nat46_monitor.py', 'tests/smoke/cli/test_nat64_nat46.py'].map((name): PlannedFile => (
    { path: `usr/libexec/vyos/${name}`, mode: 0o755, content: { kind: 'asset', path: `${vyosNat64}/usr/libexec/vyos/${name}` } })),
  { path: 'usr/lib/vyos-nat64/reference.py', mode: 0o644, content: { kind: 'asset', path: `${vyosNat64}/usr/lib/vyos-nat64/reference.py` } },
  { path: 'usr/lib/vyos-nat64/left_out.py', mode: 0o644, content: { kind: 'asset', path: `${vyosNat64}/usr/lib/vyos-nat64/left_out.py` } },
  { path: 'opt/vyatta/etc/config-migrate/migrate/vyos-nat64/0-to-1', mode: 0o755, content: { kind: 'asset', path: `${vyosNat64}/opt/vyatta/etc/config-migrate/migrate/vyos-nat64/0-to-1` } },
  // The version of the configuration's syntax as VyOS 1.3 has it; later ones read it in the reference cache.
  { path: 'opt/vyatta/etc/config-migrate/current/vyos-nat64@1', mode: 0o644, content: { kind: 'text', text: '' } },
]

export const vyosNat64TreeRules: readonly TreeRule[] = [{ from: vyosNat64, pattern: `${vyosPython}/([^/]+/)*[^/]+\\.py`, mode: 0o644, atLeast: 2 }]

/** What VyOS is told of nodes and commands, in the forms that it reads them in. */
export const vyosNat64Generated: readonly GeneratedTree[] = [
  { what: 'vyos/configuration-templates', below: 'opt/vyatta/share/vyatta-cfg/templates' },
  { what: 'vyos/operational-templates', below: 'opt/vyatta/share/vyatta-op/templates' },
  { what: 'vyos/reference-cache', below: 'usr/lib/python3/dist-packages/vyos/xml_ref/pkg_cache' },
  { what: 'vyos/interface-definitions', below: 'usr/share/vyos-nat64/interface-definitions' },
  { what: 'vyos/operational-definitions', below: 'usr/share/vyos-nat64/op-mode-definitions' },
  { what: 'vyos/operational-reference', below: 'usr/share/doc/vyos-nat64', gzip: true },
]
