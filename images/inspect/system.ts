import { parseDpkgStatus, type InstalledPackage } from '../../scripts/formats/dpkg-status.ts'
import type { ImageRoot } from './image.ts'
import type { RouterImage } from './router-image.ts'

/** Which system an image is. What it does not say is undefined. */
export interface ImageSystem {
  /** `ID` of os-release: debian, vyos. */
  id: string | undefined
  /** `PRETTY_NAME` of os-release. */
  name: string | undefined
  /** Debian's code name: bookworm. */
  suite: string | undefined
  vyosVersion: string | undefined
  /** dpkg's own architecture: amd64. */
  architecture: string | undefined
  /** Undefined when dpkg has no list. */
  packages: InstalledPackage[] | undefined
}

/** Debian's releases by number; `/etc/debian_version` says 12.5. */
const releases: Readonly<Record<string, string>> = { 8: 'jessie', 9: 'stretch', 10: 'buster', 11: 'bullseye', 12: 'bookworm', 13: 'trixie', 14: 'forky' }

export async function systemOf(image: RouterImage): Promise<ImageSystem> {
  const root = await image.root()
  const [release, debianVersion, dpkg, arch, vyos, oldVyos] = (await root.readFiles(
    ['etc/os-release', 'etc/debian_version', 'var/lib/dpkg/status', 'var/lib/dpkg/arch', 'usr/share/vyos/version.json', 'opt/vyatta/etc/version'])).map((bytes) => bytes?.toString('utf8'))
  const field = (name: string): string | undefined => new RegExp(`^${name}=(["']?)(.*)\\1$`, 'm').exec(release ?? '')?.[2]
  const packages = dpkg === undefined ? undefined : parseDpkgStatus(dpkg)
  return {
    id: field('ID'), name: field('PRETTY_NAME'),
    // VyOS's os-release has its own code names; its Debian's is in debian_version.
    suite: suiteOf(debianVersion?.trim() ?? '') ?? field('VERSION_CODENAME'),
    vyosVersion: vyosVersionOf(vyos) ?? /^Version:\s*(?:VyOS\s+)?(\S+)/m.exec(oldVyos ?? '')?.[1],
    architecture: packages?.find(({ name }) => name === 'dpkg')?.architecture ?? arch?.split('\n')[0],
    packages,
  }
}

function suiteOf(debianVersion: string): string | undefined {
  return releases[/^(\d+)(\.\d+)?$/.exec(debianVersion)?.[1] ?? ''] ?? /^([a-z]+)\/sid$/.exec(debianVersion)?.[1]
}

function vyosVersionOf(json: string | undefined): string | undefined {
  if (json === undefined) return undefined
  try {
    const parsed: unknown = JSON.parse(json)
    const version = parsed !== null && typeof parsed === 'object' && 'version' in parsed ? parsed.version : undefined
    return typeof version === 'string' ? version.replace(/\p{Cc}/gu, '?') : undefined
  } catch {
    return undefined
  }
}

/** The Jool that an image brings along. */
export interface FoundJool {
  package: InstalledPackage | undefined
  tools: string[]
  /** Jool's own version of the package that has them: 4.1.13. */
  toolsVersion: string | undefined
  /** Paths of its iptables plug-ins. */
  plugins: string[]
}

const toolPaths = ['usr/bin/jool', 'usr/bin/jool_siit', 'usr/bin/joold', 'usr/sbin/jool', 'usr/sbin/jool_siit', 'usr/local/bin/jool', 'usr/local/bin/jool_siit']
const pluginPaths = ['usr/lib/x86_64-linux-gnu/xtables/libxt_JOOL.so', 'usr/lib/x86_64-linux-gnu/xtables/libxt_JOOL_SIIT.so']

export async function findJool(root: ImageRoot, packages: readonly InstalledPackage[]): Promise<FoundJool> {
  const there = async (paths: readonly string[]): Promise<string[]> => {
    const found: string[] = []
    for (const path of paths) if ((await root.stat(path))?.kind === 'file') found.push(path)
    return found
  }
  const named = ['jool', 'jool-tools', 'jool-dkms'].map((name) => packages.find((item) => item.name === name)).find((item) => item !== undefined)
  const withTools = ['jool-tools', 'jool'].map((name) => packages.find((item) => item.name === name)).find((item) => item !== undefined)
  return { toolsVersion: /^(?:\d+:)?(\d+\.\d+\.\d+)/.exec(withTools?.version ?? '')?.[1], package: named ?? packages.find(({ name }) => name.startsWith('jool')), tools: await there(toolPaths), plugins: await there(pluginPaths) }
}
