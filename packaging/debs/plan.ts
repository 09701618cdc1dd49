import packageJson from '../../package.json' with { type: 'json' }
import type { PlanInput } from '../../scripts/pipeline/stage.ts'
import { changelog, isoDate } from './changelog.ts'
import { description, paragraph, substitution } from './control.ts'
import { copyright } from './copyright.ts'
import type { InstalledPackage, PlansBefore } from './inputs.ts'
import { libraryFolder, nat64ctlFiles, nat64ctlTreeRules, toolsFiles, toolsTreeRules, vyosNat64Files, vyosNat64Generated, vyosNat64TreeRules, type Content, type GeneratedTree, type PlannedFile, type TreeRule } from './layout.ts'
import { overridesFor, overridesText } from './overrides.ts'
import { metapackageRelations, moduleRelations, nat64ctlRelations, toolsRelations, vyosNat64Relations, type Relations } from './relations.ts'
import type { DebsLocked, DebsSpec } from './spec.ts'
import { inPackageName, kernelBoundVersion, ownVersion, packageVersion, upstreamVersion } from './versions.ts'
import { vyosPackage } from './vyos-package.ts'

export interface SourcePackage {
  name: string
  version: string
  /** Of all its binary packages. */
  architecture: string
}

export interface PackagePlan {
  name: string
  source: SourcePackage
  version: string
  architecture: string
  fileName: string
  /** DEBIAN/control; `${…}` is filled in from the package's content. */
  control: string
  /** Maintainer scripts, by name. */
  scripts: Record<string, Content>
  /** DEBIAN/triggers (deb-triggers(5)). */
  triggers?: string
  /** Sorted by path. What is below etc/ is a conffile (deb-conffiles(5)). */
  files: PlannedFile[]
  /** What is taken of whole trees, as they are. */
  tree: readonly TreeRule[]
  /** What is made of the router's CLI tree, as many files as it takes. */
  generatedTrees?: readonly GeneratedTree[]
}

export interface DebsPlan {
  source: string
  version: string
  upstreamVersion: string
  architecture: string
  maintainer: string
  sourceDateEpoch: number
  packages: PackagePlan[]
  buildRootPackages: readonly InstalledPackage[]
  /** Patches that Jool was compiled with, in order. */
  patches?: readonly string[]
  signing?: { keyFile: string; fingerprint: string }
}

// The name of Debian's source package: these are its binaries, rebuilt.
const source = 'jool'
const homepage = 'https://nicmx.github.io/Jool'

const aboutJool = 'Jool is an IP/ICMP translator for the Linux kernel: stateful NAT64 (RFC 6146) and stateless IP/ICMP translation (SIIT, RFC 7915).'

/** Pure. */
export function planDebs({ target, spec, locked }: PlanInput<DebsSpec, DebsLocked>, before: PlansBefore): DebsPlan {
  const { headers } = before
  const { joolVersion } = before.source
  const version = packageVersion(joolVersion, spec.revision)
  const modulesVersion = kernelBoundVersion(version, headers.kernelPackageVersion ?? headers.release)
  const library = libraryFolder(target.suite)
  const { architecture, sourceDateEpoch } = target

  interface Outline {
    name: string
    version: string
    relations: Relations
    synopsis: string
    about: readonly string[]
    changes: readonly string[]
    kind: 'modules' | 'metapackage' | 'tools' | 'nat64ctl' | 'vyos-nat64'
    /** Default: Jool's. */
    from?: SourcePackage
    scripts?: PackagePlan['scripts']
    triggers?: string
    files: readonly PlannedFile[]
    tree?: readonly TreeRule[]
    generatedTrees?: readonly GeneratedTree[]
  }
  const jool: SourcePackage = { name: source, version, architecture }
  const complete = (outline: Outline): PackagePlan => {
    const { name, relations, from = jool } = outline
    const fileName = `${name}_${outline.version}_${from.architecture}.deb`
    const documents: PlannedFile[] = [
      { path: `usr/share/doc/${name}/copyright`, mode: 0o644, content: { kind: 'text', text: copyright[outline.kind] } },
      {
        path: `usr/share/doc/${name}/changelog.Debian.gz`,
        mode: 0o644,
        gzip: true,
        content: {
          kind: 'text',
          text: changelog({ source: from.name, version: outline.version, suite: target.suite, maintainer: spec.maintainer, epochSeconds: sourceDateEpoch, changes: outline.changes }),
        },
      },
    ]
    const overrides = overridesText(name, overridesFor(outline.kind, spec.maintainer, fileName))
    if (overrides !== '') documents.push({ path: `usr/share/lintian/overrides/${name}`, mode: 0o644, content: { kind: 'text', text: overrides } })
    return {
      name,
      source: from,
      version: outline.version,
      architecture: from.architecture,
      fileName,
      control: paragraph([
        ['Package', name],
        ['Source', outline.version === from.version ? from.name : `${from.name} (${from.version})`],
        ['Version', outline.version],
        ['Architecture', from.architecture],
        ['Maintainer', spec.maintainer],
        ['Installed-Size', substitution.installedSize],
        ['Pre-Depends', relations.preDepends],
        ['Depends', relations.depends],
        ['Recommends', relations.recommends],
        ['Conflicts', relations.conflicts],
        ['Replaces', relations.replaces],
        ['Provides', relations.provides],
        ['Protected', relations.protected ? 'yes' : undefined],
        ['Section', from === jool ? 'kernel' : 'net'],
        ['Priority', 'optional'],
        ['Homepage', from === jool ? homepage : undefined],
        ['Description', description(outline.synopsis, outline.about)],
      ]),
      scripts: outline.scripts ?? {},
      ...(outline.triggers === undefined ? {} : { triggers: outline.triggers }),
      files: [...outline.files, ...documents].sort((a, b) => (a.path < b.path ? -1 : 1)),
      tree: outline.tree ?? [],
      ...(outline.generatedTrees === undefined ? {} : { generatedTrees: outline.generatedTrees }),
    }
  }

  const { release, flavour, kernelMetapackageVersion } = headers
  const patched = (before.modules.patches ?? []).map(({ name }) => `Jool's sources were patched: ${name}.`)
  const modulesFill = { KERNEL_RELEASE: release }
  const modulesDir = `${library}/modules/${release}/updates/jool`
  const packages = [
    complete({
      name: `jool-modules-${inPackageName(release)}`,
      version: modulesVersion,
      relations: moduleRelations(headers, joolVersion),
      synopsis: `NAT64 and SIIT kernel modules for Linux ${release}`,
      about: [aboutJool, `This package contains the modules jool_common, jool and jool_siit of Jool ${joolVersion}, built for the kernel ${release}. No compiler is needed on the router.`],
      changes: [`Jool ${joolVersion} built for ${release}${headers.kernelPackageVersion === undefined ? '' : ` (${headers.kernelPackageVersion})`}.`, ...patched],
      kind: 'modules',
      scripts: {
        postinst: { kind: 'asset', path: 'packaging/jool-modules/DEBIAN/postinst', fill: modulesFill },
        postrm: { kind: 'asset', path: 'packaging/jool-modules/DEBIAN/postrm', fill: modulesFill },
      },
      files: ['jool_common', 'jool', 'jool_siit'].map((name) => ({ path: `${modulesDir}/${name}.ko`, mode: 0o644, content: { kind: 'module', name } })),
    }),
  ]
  if (flavour !== undefined && kernelMetapackageVersion !== undefined) {
    packages.push(complete({
      name: `jool-modules-${flavour}`,
      version: modulesVersion,
      relations: metapackageRelations({ ...headers, flavour, kernelMetapackageVersion }, modulesVersion),
      synopsis: `NAT64 and SIIT kernel modules for linux-image-${flavour} (metapackage)`,
      about: [aboutJool, `This metapackage follows linux-image-${flavour}: a new kernel is installed together with its Jool modules, or held back until they exist.`],
      changes: [`Follows linux-image-${flavour} ${kernelMetapackageVersion}, which is ${release}.`],
      kind: 'metapackage',
      files: [],
    }))
  }
  packages.push(complete({
    name: 'jool-tools',
    version,
    relations: toolsRelations(joolVersion),
    synopsis: 'tools and services for the NAT64 and SIIT translator Jool',
    about: [aboutJool, `This package contains the programs jool, jool_siit and joold, the iptables plug-ins, and services that bring up the instances of /etc/jool/jool.conf and /etc/jool/jool_siit.conf. Tools and kernel modules work together in the same version only, so it depends on modules of Jool ${joolVersion}.`],
    changes: [`Tools of Jool ${joolVersion}.`, ...(before.source.tools === 'compiled' ? patched : [])],
    kind: 'tools',
    scripts: Object.fromEntries(['preinst', 'postinst', 'prerm', 'postrm'].map((name) => [
      name, { kind: 'asset', path: `packaging/jool-tools/DEBIAN/${name}`, fill: { JOOL_VERSION: joolVersion, VERSION: version } },
    ])),
    // The modules' postinst activates it once they can be found.
    triggers: 'interest-noawait jool-modules\n',
    files: toolsFiles(library),
    tree: toolsTreeRules,
  }))
  // Its own source: it has nothing of Jool, goes with every kernel and Jool's every version, and is upgraded by itself.
  const own: SourcePackage = { name: 'nat64-forge', version: ownVersion(packageJson.version, spec.revision), architecture: 'all' }
  packages.push(complete({
    name: 'nat64ctl',
    version: own.version,
    from: own,
    relations: nat64ctlRelations,
    synopsis: 'NAT64 and NAT46 on a router, from one configuration',
    about: [
      'nat64ctl reads one declarative configuration for NAT64 and NAT46 in VyOS\'s syntax, checks it, says what would change, and applies it as a whole or not at all, on the kernel module Jool or the program TAYGA. It shows rules, translations and counters, and explains what becomes of an address.',
      'Installed, it does nothing until somebody writes /etc/nat64/nat64.config and applies it.',
    ],
    changes: [`nat64ctl of nat64-forge ${packageJson.version}.`],
    kind: 'nat64ctl',
    scripts: Object.fromEntries(['postinst', 'prerm', 'postrm'].map((name) => [name, { kind: 'asset', path: `packaging/nat64ctl/DEBIAN/${name}` }])),
    files: nat64ctlFiles({ date: isoDate(sourceDateEpoch), version: own.version }, library),
    tree: nat64ctlTreeRules,
  }))
  packages.push(complete({
    name: vyosPackage,
    version: own.version,
    from: own,
    relations: vyosNat64Relations(own.version),
    synopsis: 'NAT64 and NAT46 in VyOS\'s own configuration and operational mode',
    about: [
      'This package puts nat64 and nat46 into VyOS: `set nat64`, `set nat46`, `show nat64` and more, over nat64ctl. Whatever VyOS\'s own nat64 accepts stays valid and means the same.',
      'VyOS\'s own files of nat64 are diverted while it is installed, and back in their places when it is removed.',
    ],
    changes: [`vyos-nat64 of nat64-forge ${packageJson.version}.`],
    kind: 'vyos-nat64',
    scripts: {
      preinst: { kind: 'asset', path: 'packaging/vyos-nat64/DEBIAN/preinst', fill: { VYOS_FILES: substitution.vyosFiles } },
      ...Object.fromEntries(['postinst', 'prerm', 'postrm'].map((name) => [name, { kind: 'asset', path: `packaging/vyos-nat64/DEBIAN/${name}` }])),
    },
    // An upgrade of VyOS's own package brings the file without our nodes.
    triggers: 'interest-noawait /usr/share/vyos/reftree.cache\n',
    files: vyosNat64Files,
    tree: vyosNat64TreeRules,
    generatedTrees: vyosNat64Generated,
  }))

  return {
    source,
    version,
    upstreamVersion: upstreamVersion(joolVersion, spec.revision),
    architecture,
    maintainer: spec.maintainer,
    sourceDateEpoch,
    packages,
    buildRootPackages: before.modules.buildRoot.packages,
    ...(before.modules.patches === undefined ? {} : { patches: before.modules.patches.map(({ name }) => name) }),
    ...(locked.signing === undefined ? {} : { signing: locked.signing }),
  }
}
