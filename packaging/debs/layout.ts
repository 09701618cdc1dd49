import type { Suite } from '../../scripts/domain/suite.ts'

export type Content =
  | { kind: 'text'; text: string }
  /** A kernel module of the modules artifact. */
  | { kind: 'module'; name: string }
  /** A file of the project; each `@KEY@` in it is replaced. */
  | { kind: 'asset'; path: string; fill?: Record<string, string> }

export interface PlannedFile {
  /** Where it lands, without the leading slash. */
  path: string
  mode: number
  gzip?: boolean
  content: Content
}

/** Files to take from a built tree at the same path. */
export interface TreeRule {
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
