import type { SourceLocked } from '../../kernel/source/artifact.ts'
import type { LockedPackage } from '../../scripts/domain/remote-file.ts'
import { sha256Of } from '../../scripts/lib/digest.ts'
import { parseSpec } from '../../scripts/lib/parse-spec.ts'
import { targetDigest, type Lock } from '../../scripts/pipeline/lock.ts'
import { stages } from '../../scripts/pipeline/stages.ts'
import { targetSchema } from '../../scripts/pipeline/target.ts'

/** 2026-01-01 00:00:00 UTC. */
export const epoch = 1_767_225_600

export function sampleFile(fileName: string): LockedPackage['file'] {
  return { fileName, sizeBytes: 1000 + fileName.length, sha256: sha256Of(fileName), from: { archive: 'debian', path: `pool/main/${fileName}` } }
}

export function samplePackage(name: string, version: string, architecture = 'amd64'): LockedPackage {
  return { name, version, architecture, file: sampleFile(`${name}_${version.replace(':', '%3a')}_${architecture}.deb`) }
}

const debianTools = ['libc6 (>= 2.34)', 'libnl-3-200 (>= 3.2.27)', 'libnl-genl-3-200 (>= 3.2.24)', 'libxtables12 (>= 1.8.9)']

/** Debian's Jool, as `source` locks it. */
export const debianSource: SourceLocked = {
  provider: 'debian', joolVersion: '4.1.13', debianVersion: '4.1.13-1.1', dkms: samplePackage('jool-dkms', '4.1.13-1.1', 'all'), tools: samplePackage('jool-tools', '4.1.13-1.1'),
  toolsDepends: debianTools, reference: { sourcePackage: 'jool', version: '4.1.13-1.1', files: [sampleFile('jool_4.1.13.orig.tar.gz')], included: false },
}

/** The shipped target's text, with other sections where a test wants them. */
export const targetText = 'target: sample\ndescription: a router on paper\nsuite: bookworm\n'

/** A lock as resolving would have written it, on a handful of packages; `source` and `sourceSpec` replace Debian's Jool. */
export function sampleLock({ source = debianSource, sourceSpec = '', epoch: sourceDateEpoch = epoch }: { source?: unknown; sourceSpec?: string; epoch?: number } = {}): Lock {
  const target = parseSpec(`${targetText}${sourceSpec}`, 'sample.yaml', targetSchema(stages), 'E_TARGET')
  return {
    lockVersion: 1, targetSha256: targetDigest(target), sourceDateEpoch, target,
    stages: {
      source,
      headers: {
        provider: 'debian', release: '6.1.0-56-amd64', flavour: 'amd64', buildDepends: ['gcc-12'],
        packages: [samplePackage('linux-headers-6.1.0-56-amd64', '6.1.192-2'), samplePackage('linux-headers-6.1.0-56-common', '6.1.192-2', 'all'), samplePackage('linux-kbuild-6.1', '6.1.192-2')],
        imageVersion: '6.1.192-2', metapackageVersion: '6.1.192-2',
      },
      modules: { buildRoot: [samplePackage('gcc-12', '12.2.0-14+deb12u1'), samplePackage('make', '4.3-4.1')] },
      debs: {},
      iso: { packages: [samplePackage('systemd', '252.39-1~deb12u1'), samplePackage('linux-image-6.1.0-56-amd64', '6.1.192-2'), samplePackage('iproute2', '6.1.0-3')] },
      smoke: {},
    },
  }
}
