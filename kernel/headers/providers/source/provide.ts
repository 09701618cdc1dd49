import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeBuildRoot } from '../../../../scripts/lib/build-root.ts'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import type { RunDeps, Stored } from '../../../../scripts/pipeline/stage.ts'
import type { SourceArtifact } from '../../../source/artifact.ts'
import { compileJoolModules, joolModules } from '../../../compile/jool-modules.ts'
import { certificatePem } from '../../../signing/certificate.ts'
import { makeEphemeralKey } from '../../../signing/ephemeral.ts'
import { openKey, type SigningKey } from '../../../signing/key.ts'
import { signModules } from '../../../signing/sign.ts'
import type { Provided, SignedModules } from '../../provider.ts'
import { buildKernel } from './build.ts'
import { configHash, configure } from './configure.ts'
import { keepSources } from './corresponding-source.ts'
import { addConfiguration, openPackage, packPackage, signPackagedModules } from './packages.ts'
import type { SourceKernelPlan } from './plan.ts'
import { applyPatches, unpackSources } from './sources.ts'
import { expectTrusted } from './trust.ts'
import { openWorkshop, type Workshop } from './workshop.ts'

/** Jool's sources are there when the plan reads them too. */
export type SourceDeps = RunDeps<{ source?: Stored<SourceArtifact> }>

/**
 * Builds a kernel from its sources: its packages, its build tree and, when the key dies with the build, Jool's modules.
 * The private key is in this process's memory, and in sign-file's while that runs.
 */
export async function provideSource(plan: SourceKernelPlan, deps: SourceDeps): Promise<Provided> {
  // Before anything is built: a wrong key must not cost a kernel build.
  const kept = plan.signing.policy === 'file' || plan.signing.policy === 'pkcs11' ? await openKey(plan.signing, deps) : undefined
  const root = await deps.shared('build-root', plan.buildRoot, async (dir) => {
    deps.log.step(`making the build root (Debian ${plan.buildRoot.suite}, ${String(plan.buildRoot.packages.length)} packages)`)
    await makeBuildRoot(plan.buildRoot, dir, deps)
  })
  const ccache = await deps.shared('ccache', { architecture: plan.buildRoot.architecture }, () => Promise.resolve())
  const workshop = await openWorkshop(root, ccache, plan, deps)
  const key = plan.signing.policy === 'ephemeral' ? await makeEphemeralKey(root, deps) : kept

  if (key) await writeFile(join(workshop.dir, 'certificate.pem'), certificatePem(key.certificate))
  await unpackSources(plan, workshop, deps)
  await applyPatches(plan, workshop, deps)
  const hash = configHash(await configure(plan, workshop, deps))
  const packages = await buildKernel(plan, workshop, deps)
  if (key) await expectTrusted(join(workshop.dir, 'linux'), key.certificate)

  const image = await openPackage(packages.image, workshop)
  const signer = key && await signPackagedModules(image, plan, { key, hash }, workshop, deps)
  deps.log.step('packing the kernel\'s packages')
  const headers = await openPackage(packages.headers, workshop)
  await addConfiguration(headers, plan.release, workshop)
  const kernelPackages = await Promise.all([packPackage(image, plan, workshop, deps), packPackage(headers, plan, workshop, deps)])
  await keepSources(plan, workshop, deps)
  const tree = `linux-headers-${plan.release}`
  await mkdir(join(deps.outDir, 'src'))
  await rename(join(headers.dir, 'usr/src', tree), join(deps.outDir, 'src', tree))
  if (key) await copyFile(join(workshop.dir, 'certificate.pem'), join(deps.outDir, 'certificate.pem'))
  return {
    tree, kernelPackages,
    ...(signer ? { signer: { ...signer, certificate: 'certificate.pem' } } : {}),
    ...(key && plan.withJool ? { signedModules: await signedJool(plan, { key, hash }, workshop, deps) } : {}),
  }
}

/** Jool's modules, compiled against the build tree as it is for everybody, signed with the key that is about to be gone. */
async function signedJool(plan: SourceKernelPlan, signing: { key: SigningKey; hash: string }, workshop: Workshop, deps: SourceDeps): Promise<SignedModules> {
  const { source } = deps.before
  if (!source) throw new ForgeError('E_BUG', 'the kernel\'s build was not given Jool\'s sources')
  const usrSrc = join(deps.outDir, 'src')
  const buildTree = `/usr/src/linux-headers-${plan.release}`
  const built = await compileJoolModules(workshop.root, {
    joolVersion: source.joolVersion, release: plan.release, sourceDateEpoch: plan.buildRoot.sourceDateEpoch, sources: join(source.dir, source.srcDir), usrSrc, buildTree, patches: plan.joolPatches,
  }, deps)
  const dir = join(deps.outDir, 'jool-modules')
  await mkdir(dir)
  for (const [name, folder] of joolModules) await copyFile(join(built, folder, `${name}.ko`), join(dir, `${name}.ko`))
  await copyFile(join(built, 'Module.symvers'), join(dir, 'Module.symvers'))
  await signModules({ root: workshop.root, buildTree, binds: [{ from: usrSrc, to: '/usr/src' }], dir, modules: joolModules.map(([name]) => `${name}.ko`), ...signing, jobs: deps.jobs }, deps)
  return { dir: 'jool-modules', joolVersion: source.joolVersion }
}
