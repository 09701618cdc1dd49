import type { PlanInput } from '../../scripts/pipeline/stage.ts'
import { changelog } from './changelog.ts'
import { description, paragraph, substitution } from './control.ts'
import { copyright } from './copyright.ts'
import type { InstalledPackage, PlansBefore } from './inputs.ts'
import { libraryFolder, toolsFiles, toolsTreeRules, type Content, type PlannedFile, type TreeRule } from './layout.ts'
import { overridesFor, overridesText } from './overrides.ts'
import { metapackageRelations, moduleRelations, toolsRelations, type Relations } from './relations.ts'
import type { DebsLocked, DebsSpec } from './spec.ts'
import { inPackageName, kernelBoundVersion, packageVersion, upstreamVersion } from './versions.ts'

export interface PackagePlan {
  name: string
  version: string
  architecture: string
  fileName: string
  /** DEBIAN/control; `${…}` is filled in from the package's content. */
  control: string
  /** Maintainer scripts, by name. */
  scripts: Record<string, Content>
  /** DEBIAN/triggers (deb-triggers(5)). */
  triggers?: string
  /** Sorted by path. */
  files: PlannedFile[]
  /** What is taken of the tools' tree, as it was built. */
  tree: readonly TreeRule[]
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
    kind: 'modules' | 'metapackage' | 'tools'
    scripts?: PackagePlan['scripts']
    triggers?: string
    files: readonly PlannedFile[]
    tree?: readonly TreeRule[]
  }
  const complete = (outline: Outline): PackagePlan => {
    const { name, relations } = outline
    const fileName = `${name}_${outline.version}_${architecture}.deb`
    const documents: PlannedFile[] = [
      { path: `usr/share/doc/${name}/copyright`, mode: 0o644, content: { kind: 'text', text: copyright[outline.kind] } },
      {
        path: `usr/share/doc/${name}/changelog.Debian.gz`,
        mode: 0o644,
        gzip: true,
        content: {
          kind: 'text',
          text: changelog({ source, version: outline.version, suite: target.suite, maintainer: spec.maintainer, epochSeconds: sourceDateEpoch, changes: outline.changes }),
        },
      },
    ]
    const overrides = overridesText(name, overridesFor(outline.kind, spec.maintainer, fileName))
    if (overrides !== '') documents.push({ path: `usr/share/lintian/overrides/${name}`, mode: 0o644, content: { kind: 'text', text: overrides } })
    return {
      name,
      version: outline.version,
      architecture,
      fileName,
      control: paragraph([
        ['Package', name],
        ['Source', outline.version === version ? source : `${source} (${version})`],
        ['Version', outline.version],
        ['Architecture', architecture],
        ['Maintainer', spec.maintainer],
        ['Installed-Size', substitution.installedSize],
        ['Depends', relations.depends],
        ['Conflicts', relations.conflicts],
        ['Replaces', relations.replaces],
        ['Provides', relations.provides],
        ['Protected', relations.protected ? 'yes' : undefined],
        ['Section', 'kernel'],
        ['Priority', 'optional'],
        ['Homepage', homepage],
        ['Description', description(outline.synopsis, outline.about)],
      ]),
      scripts: outline.scripts ?? {},
      ...(outline.triggers === undefined ? {} : { triggers: outline.triggers }),
      files: [...outline.files, ...documents].sort((a, b) => (a.path < b.path ? -1 : 1)),
      tree: outline.tree ?? [],
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
