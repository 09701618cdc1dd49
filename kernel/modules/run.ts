import { copyFile, mkdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gccMajor } from '../compile/gcc-major.ts'
import { compileJoolModules, joolModules } from '../compile/jool-modules.ts'
import type { HeadersArtifact } from '../headers/artifact.ts'
import { expectNoSignatureNeeded, expectSignable, signingMeans } from '../signing/acceptance.ts'
import { openKey, type SigningKey } from '../signing/key.ts'
import { readCertificate } from '../signing/certificate.ts'
import { signModules } from '../signing/sign.ts'
import { verifySignatures, type ModuleSigner } from '../signing/verify.ts'
import type { SourceArtifact } from '../source/artifact.ts'
import { makeBuildRoot } from '../../scripts/lib/build-root.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { expectEqual, ForgeError } from '../../scripts/lib/errors.ts'
import { parseElf } from '../../scripts/formats/elf.ts'
import { parseKernelConfig } from '../../scripts/formats/kconfig.ts'
import { parseKernelModule } from '../../scripts/formats/kernel-module.ts'
import { parseSymvers } from '../../scripts/formats/symvers.ts'
import type { RunDeps, Stored } from '../../scripts/pipeline/stage.ts'
import type { ModulesArtifact } from './artifact.ts'
import { checkModule, type ImageSymbols } from './check.ts'
import { compileTools } from './compile-tools.ts'
import type { ModulesPlan } from './plan.ts'

type Deps = RunDeps<{ source: Stored<SourceArtifact>; headers: Stored<HeadersArtifact> }>

/** Compiled modules, wherever that was done. */
interface Built {
  path: (module: typeof joolModules[number]) => string
  /** What the modules export to each other. */
  symvers: string
  signature?: ModuleSigner
}

export async function run(plan: ModulesPlan, deps: Deps): Promise<ModulesArtifact> {
  if ('note' in plan.support) deps.log.note(plan.support.note)
  // Before anything is compiled: modules that nobody can sign would be for nothing.
  const key = await signingKey(plan, deps)
  let made: Promise<string> | undefined
  const root = (): Promise<string> => made ??= deps.shared('build-root', plan.buildRoot, async (dir) => {
    deps.log.step(`making the build root (Debian ${plan.buildRoot.suite}, ${String(plan.buildRoot.packages.length)} packages)`)
    await makeBuildRoot(plan.buildRoot, dir, deps)
  })
  const checked = await checkAndKeep(plan.withKernel ? await builtWithKernel(plan, deps) : await buildHere(await root(), plan, key, deps), plan, deps)
  if (!plan.compileTools) return checked
  return { ...checked, tools: await compileTools(await root(), plan.patches ?? [], deps) }
}

/** @throws ForgeError E_UNSIGNED, and as openKey and expectSignable */
async function signingKey({ signing, withKernel, release }: ModulesPlan, deps: Deps): Promise<SigningKey | undefined> {
  const { headers } = deps.before
  if (signing) {
    // Debian's tree is not there when the target is resolved; a kernel that is built here has been asked.
    if (headers.provider !== 'source') expectSignable({ policy: headers.signing, ...await signingMeans(join(headers.dir, dirname(headers.configFile)), parseKernelConfig(await readFile(join(headers.dir, headers.configFile), 'utf8'))) }, release, signing.hash)
    return openKey(signing.key, deps)
  }
  // Debian's tree, again, and a lock that is older than the question.
  if (!withKernel) expectNoSignatureNeeded(headers.signing, release)
  return undefined
}

async function buildHere(root: string, plan: ModulesPlan, key: SigningKey | undefined, deps: Deps): Promise<Built> {
  const { source, headers } = deps.before
  const usrSrc = join(headers.dir, headers.usrSrc)
  const mod = await compileJoolModules(root, {
    joolVersion: plan.joolVersion, release: plan.release, sourceDateEpoch: plan.buildRoot.sourceDateEpoch,
    sources: join(source.dir, source.srcDir), usrSrc, buildTree: headers.buildTree, cc: headers.cc, patches: plan.patches,
  }, deps)
  const path = ([name, folder]: typeof joolModules[number]): string => join(mod, folder, `${name}.ko`)
  const built = { path, symvers: join(mod, 'Module.symvers') }
  if (!key) return built
  deps.log.step('signing the modules')
  const hash = plan.signing?.hash ?? parseKernelConfig(await readFile(join(headers.dir, headers.configFile), 'utf8')).value('MODULE_SIG_HASH') ?? 'sha512'
  for (const module of joolModules) await requireBuilt(path(module), module[0])
  const signature = await signModules({
    root, buildTree: headers.buildTree, binds: [{ from: usrSrc, to: '/usr/src' }], dir: mod, modules: joolModules.map(([name, folder]) => `${folder}/${name}.ko`), key, hash, jobs: deps.jobs,
  }, deps)
  return { ...built, signature }
}

/** Compiled and signed where the kernel was: what is left is to see that they are what they should be. */
async function builtWithKernel(plan: ModulesPlan, { before: { headers } }: Deps): Promise<Built> {
  const { signedModules, signer } = headers
  if (!signedModules || !signer) throw new ForgeError('E_BUG', 'the kernel was built without Jool\'s modules')
  expectEqual(signedModules.joolVersion, plan.joolVersion, 'E_MODULE', 'the version of Jool that was compiled with the kernel')
  const dir = join(headers.dir, signedModules.dir)
  const certificate = await readCertificate(join(headers.dir, signer.certificate), Date.now())
  const signature = await verifySignatures(dir, joolModules.map(([name]) => `${name}.ko`), { certificate, hash: signer.hash })
  return { path: ([name]) => join(dir, `${name}.ko`), symvers: join(dir, 'Module.symvers'), signature }
}

async function checkAndKeep({ path, symvers, signature }: Built, plan: ModulesPlan, deps: Deps): Promise<ModulesArtifact> {
  const { headers } = deps.before
  deps.log.step('checking the modules against the kernel')
  const exports = new Map([
    ...parseSymvers(await readFile(join(headers.dir, headers.symversFile), 'utf8')),
    ...parseSymvers(await readFile(symvers, 'utf8')),
  ])
  await mkdir(join(deps.outDir, 'modules'))
  const image = await imageSymbols(headers)
  const kept: ModulesArtifact['modules'] = []
  let crcsChecked = 0
  let imageCrcsChecked = 0
  let compiler: string | undefined
  for (const module of joolModules) {
    const [name] = module
    const bytes = await requireBuilt(path(module), name)
    const result = checkModule({
      name, module: parseKernelModule(bytes, `${name}.ko`), vermagic: headers.vermagic, joolVersion: plan.joolVersion, modversions: headers.modversions, exports, image,
    })
    const file = `modules/${name}.ko`
    await copyFile(path(module), join(deps.outDir, file))
    kept.push({ name, file, sha256: await sha256File(path(module)), sizeBytes: (await stat(path(module))).size, depends: result.depends })
    crcsChecked += result.crcsChecked
    imageCrcsChecked += result.imageCrcsChecked
    compiler ??= compilerOf(bytes, `${name}.ko`)
  }
  warnOfCompiler(compiler, headers.compiler, deps)
  deps.log.note(`3 modules for ${headers.vermagic.trim()}; ${String(crcsChecked)} symbol CRCs equal to the kernel's${image ? `, ${String(imageCrcsChecked)} of them confirmed by ${image.name}` : ''}${signature ? `; signed by "${signature.signer}" (${signature.hash})` : ''}`)
  return { joolVersion: plan.joolVersion, release: plan.release, vermagic: headers.vermagic, modules: kept, ...(compiler === undefined ? {} : { compiler }), crcsChecked, ...(image ? { imageCrcsChecked } : {}), ...(plan.patches ? { patches: plan.patches } : {}), ...(signature ? { signature } : {}) }
}

/** What the compiler left in `.comment`. */
function compilerOf(bytes: Buffer, name: string): string | undefined {
  return parseElf(bytes, name).section('.comment')?.data.toString('latin1').split('\0').find((text) => text !== '')
}

function warnOfCompiler(used: string | undefined, kernels: string, { log }: Deps): void {
  const [ours, its] = [gccMajor(used ?? ''), gccMajor(kernels)]
  if (ours !== undefined && its !== undefined && ours !== its) log.warn(`the modules were compiled with gcc ${ours}, the kernel with gcc ${its} ("${kernels}")`)
}

async function imageSymbols({ dir, imageCrcs }: Stored<HeadersArtifact>): Promise<ImageSymbols | undefined> {
  if (!imageCrcs) return undefined
  const crcs = JSON.parse(await readFile(join(dir, imageCrcs.file), 'utf8')) as Record<string, [number, string]>
  return { name: imageCrcs.image, crcs: new Map(Object.entries(crcs)) }
}

async function requireBuilt(path: string, name: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw new ForgeError('E_COMPILE', `make ended well, but made no ${name}.ko`, { hint: 'read logs/modules.log', cause })
  })
}
