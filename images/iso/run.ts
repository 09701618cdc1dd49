import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { requireRoot } from '../../scripts/lib/build-root.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import type { IsoArtifact } from './artifact.ts'
import { assembleIso } from './assemble.ts'
import type { IsoDeps } from './deps.ts'
import { runExisting } from './existing/run.ts'
import type { IsoPlan, ReferencePlan } from './plan.ts'
import { makeReferenceRoot } from './reference/root.ts'
import { openSecureBoot, type SecureBoot } from './secure-boot/sign.ts'

export async function run(plan: IsoPlan, deps: IsoDeps): Promise<IsoArtifact> {
  return plan.kind === 'existing' ? await runExisting(plan, deps) : await runReference(plan, deps)
}

async function runReference(plan: ReferencePlan, deps: IsoDeps): Promise<IsoArtifact> {
  requireRoot('make a router image')
  const secureBoot = await openSecureBoot(plan, deps)
  const root = join(deps.workDir, 'root')
  const { manifest } = await makeReferenceRoot(root, plan, deps)
  const { squashfsBytes } = await assembleIso({ root, manifest, secureBoot }, plan, deps)
  const boot = await bootLoaders(deps, secureBoot)
  const iso = join(deps.outDir, plan.isoName)
  return {
    isoName: plan.isoName, sha256: await sha256File(iso), sizeBytes: (await stat(iso)).size, volumeId: plan.volumeId, squashfsBytes, manifest: manifest + boot,
    ...(secureBoot === undefined ? {} : { secureBootCertificate: secureBoot.certificate }),
  }
}

/** What of the host ends up in the image, in the manifest's form: its licences ask for source as much as the router's own packages do. */
async function bootLoaders({ exec }: IsoDeps, secureBoot: SecureBoot | undefined): Promise<string> {
  const { stdout } = await exec(['dpkg-query', '-W', '-f', '${Package} ${Version} ${source:Package} ${source:Version}\\n', 'isolinux', 'syslinux-common', 'grub-efi-amd64-bin', ...(secureBoot === undefined ? [] : ['shim-unsigned'])], { doing: 'list the boot loaders', errorCode: 'E_ISO' })
  return stdout
}
