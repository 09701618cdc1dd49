import { isAbsolute, resolve } from 'node:path'
import { packagingSources } from './corresponding-source.ts'
import type { DebsArtifact } from './artifact.ts'
import type { ArtifactsBefore, PlansBefore } from './inputs.ts'
import { planDebs, type DebsPlan } from './plan.ts'
import { runDebs } from './run.ts'
import { readSigningKey } from './sign.ts'
import { debsLocked, debsSpec, type DebsLocked, type DebsSpec } from './spec.ts'
import type { Stage } from '../../scripts/pipeline/stage.ts'

export const debs: Stage<DebsSpec, DebsLocked, DebsPlan, DebsArtifact, unknown, PlansBefore, ArtifactsBefore> = {
  name: 'debs',
  title: 'make the packages and the apt repository',
  reads: ['source', 'modules'],
  spec: debsSpec,
  locked: debsLocked,
  assets: packagingSources,
  tools: [
    { command: 'dpkg-deb', package: 'dpkg', why: 'packs the .deb files' },
    { command: 'lintian', package: 'lintian', why: 'checks the packages' },
    { command: 'apt-ftparchive', package: 'apt-utils', why: 'writes the apt repository' },
    { command: 'gpg', package: 'gnupg', why: 'signs the apt repository' },
    { command: 'bwrap', package: 'bubblewrap', why: 'keeps the signing key in memory of its own' },
    { command: 'tar', package: 'tar', why: 'packs the corresponding source' },
    { command: 'xz', package: 'xz-utils', why: 'compresses the corresponding source' },
    { command: 'gzip', package: 'gzip', why: 'compresses changelogs and manual pages' },
  ],

  async resolve({ spec }, { exec, targetDir }) {
    if (spec.signing === undefined) return {}
    const keyFile = isAbsolute(spec.signing.key) ? spec.signing.key : resolve(targetDir, spec.signing.key)
    const { fingerprint } = await readSigningKey(keyFile, exec)
    return { signing: { keyFile, fingerprint } }
  },
  plan: planDebs,
  run: runDebs,
}
