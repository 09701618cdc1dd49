import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import packageJson from '../../../package.json' with { type: 'json' }
import { sha256 } from '../../../scripts/domain/digest.ts'
import { localPool } from '../../../scripts/lib/build-root.ts'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import { nameOf, placeOf } from '../../../scripts/lib/given-file.ts'
import { inject, type Injection, type InjectInput } from '../../inject/artifact.ts'
import { inspect, isoFacts, openRouterImage, refusalOf, systemOf } from '../../inspect/artifact.ts'
import { vyosPackage } from '../../../packaging/debs/artifact.ts'
import type { InjectedReport, IsoArtifact } from '../artifact.ts'
import type { IsoDeps } from '../deps.ts'
import { kernelPackage } from '../kernel-package.ts'
import type { ExistingPlan } from './plan.ts'

export type InjectionRequest = Pick<InjectInput, 'iso' | 'packages' | 'judged' | 'folders' | 'script' | 'kernel' | 'mode'>

/** @throws ForgeError E_INJECT and the like; E_SYMBOL_CRC and the like when the image's kernel would refuse a module */
export async function runExisting(plan: ExistingPlan, deps: IsoDeps): Promise<IsoArtifact> {
  const { exec, log, outDir } = deps
  const request = await requestOf(plan, deps)
  const workDir = join(deps.workDir, 'inject')
  // Files of the image lie there as they are, setuid bits and all.
  await mkdir(workDir, { mode: 0o700 })
  const { present, ...done } = await inject({ ...request, output: join(outDir, plan.isoName), toolVersion: packageJson.version, exec, log, workDir })
  const { iso, squashfs } = done
  if (!iso || !squashfs) throw new ForgeError('E_BUG', 'an injection that was to write an ISO wrote none')
  await using made = await openRouterImage(join(outDir, plan.isoName), { exec, workDir })
  const { volumeId } = made.iso ? await isoFacts(made, made.iso) : { volumeId: '' }
  return {
    isoName: plan.isoName, sha256: sha256(iso.sha256), sizeBytes: iso.sizeBytes, volumeId, squashfsBytes: squashfs.newBytes,
    manifest: present.map(({ name, version, source, sourceVersion }) => `${name} ${version} ${source} ${sourceVersion}\n`).join(''),
    injected: injectedReport(plan, done),
  }
}

function injectedReport(plan: ExistingPlan, { mode, packages, removed, modulesListed, initrds, kernel, notes }: Omit<Injection, 'present'>): InjectedReport {
  return { into: nameOf(plan.from), sha256: plan.from.sha256, mode, packages, removed, modulesListed, initrds, kernel, notes }
}

/** What is to be installed in the image, with all files in place; the modules are held against its kernel first. */
export async function requestOf(plan: ExistingPlan, deps: Pick<IsoDeps, 'before' | 'exec' | 'log' | 'fetch' | 'workDir'>): Promise<InjectionRequest> {
  const { exec, log, fetch, before: { debs } } = deps
  const iso = await placeOf(plan.from, { fetch })
  const without = plan.ownPackages.includes(vyosPackage) && !await isVyos(iso, deps) ? [vyosPackage] : []
  const own = debs.packages.filter(({ name }) => plan.ownPackages.includes(name) && !without.includes(name)).map(({ file }) => join(debs.dir, file))
  const replaced = plan.kernel === 'replace' ? [kernelPackage(plan.release, deps.before.headers).path] : []
  const judged = plan.kernel === 'own' ? debs.packages.filter(({ name }) => name === `jool-modules-${plan.release}`).map(({ file }) => join(debs.dir, file)) : []
  if (judged.length > 0) await requireLoadable(plan, iso, judged, deps)
  log.step(`gathering what goes into ${nameOf(plan.from)}`)
  const pool = plan.packages.length === 0 ? undefined : await localPool(plan.packages, join(deps.workDir, 'pool'), { exec, fetch, workDir: deps.workDir })
  const further = plan.packages.filter(({ name }) => plan.further.includes(name)).map(({ file }) => join(pool ?? '', file.fileName))
  return {
    iso, packages: [...replaced, ...own, ...further], judged, folders: pool === undefined ? [] : [pool], kernel: plan.kernel === 'replace' ? 'replace' : 'keep', mode: plan.mode,
    script: plan.script === undefined ? undefined : await placeOf(plan.script, { fetch }),
  }
}

/** Only VyOS has what its package needs; an image in its form need not be VyOS. */
async function isVyos(iso: string, { exec, workDir }: Pick<IsoDeps, 'exec' | 'workDir'>): Promise<boolean> {
  await using image = await openRouterImage(iso, { exec, workDir })
  return (await systemOf(image)).packages?.some(({ name }) => name === 'vyos-1x') === true
}

/** A release is not an identity: wherever the headers came from, this very kernel has to take the modules. */
async function requireLoadable(plan: ExistingPlan, iso: string, packages: readonly string[], { exec, log, workDir }: Pick<IsoDeps, 'exec' | 'log' | 'workDir'>): Promise<void> {
  log.step(`judging the modules by the kernel of ${nameOf(plan.from)}`)
  await using image = await openRouterImage(iso, { exec, workDir })
  const { modules } = await inspect(image, { modules: packages })
  const refusal = refusalOf(modules)
  if (refusal) throw refusal
}
