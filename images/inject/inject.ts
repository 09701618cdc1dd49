import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, lstat, mkdir, readFile, realpath, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { kernelsIn, layerBeside, manifestPath, openRouterImage, parseManifest, systemOf, toChange, type ImageKernel, type InjectManifest, type RouterImage } from '../inspect/artifact.ts'
import { isoBlockBytes } from '../../scripts/formats/iso9660.ts'
import type { Squashfs } from '../../scripts/formats/squashfs/squashfs.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Argv, Exec } from '../../scripts/lib/exec.ts'
import type { HostTool } from '../../scripts/lib/host-tools.ts'
import type { Log } from '../../scripts/lib/log.ts'
import { asRoot } from '../../scripts/lib/user-namespace.ts'
import type { Difference } from './difference.ts'
import { heldBack } from './held-back.ts'
import { moduleNotes } from './module-notes.ts'
import { newManifest } from './new-manifest.ts'
import { writeNewIso } from './new-iso.ts'
import { openGrafted, packDifference, packOptions } from './new-squashfs.ts'
import { checkOutput, checkOutputSpace, checkSpace, openOutput } from './output.ts'
import { architectureName, expectInstalled, givenCopy, heldPackages, leaveOut, linesOf, newInitrds, offerPackages, protectedPackages, readInstalled, refusalOf, withoutHolds, type Offer, type PresentPackage } from './packages.ts'
import { copyScript, scriptFailure } from './script.ts'
import { systemCallFilter } from './system-calls.ts'
import { needsNumbers, unpackRoot, unpackTools, type UnpackedRoot } from './unpacked-root.ts'
import { findWayIn, type WayIn } from './way-in.ts'

export const injectTools: readonly HostTool[] = [
  { command: 'mksquashfs', package: 'squashfs-tools', why: 'packs what packages change in an image' },
  { command: 'xorriso', package: 'xorriso', why: 'writes ISOs' },
  { command: 'mount', package: 'mount', why: 'lays an overlay over an image\'s root' },
  { command: 'bwrap', package: 'bubblewrap', why: 'keeps what runs in an image inside of it' },
  { command: 'getfattr', package: 'attr', why: 'sees which folders of an image were made anew' },
  { command: 'apt-get', package: 'apt', why: 'decides what packages in an image need' },
  { command: 'apt-ftparchive', package: 'apt-utils', why: 'makes apt repositories' },
  ...unpackTools,
]

export const injectModes = ['graft', 'repack', 'layer'] as const
export type InjectMode = (typeof injectModes)[number]

export interface InjectInput {
  iso: string
  /** .deb files that are to be installed. */
  packages: readonly string[]
  /** Those of them whose modules have been held against the image's kernel. */
  judged?: readonly string[]
  /** Folders with packages that these may need. */
  folders?: readonly string[]
  /** A program that runs in the image's root when the packages are there. */
  script?: string | undefined
  /** replace: the kernel among the packages takes the place of the image's own, also on the ISO. */
  kernel?: 'keep' | 'replace'
  mode?: InjectMode
  /** Undefined: nothing is written, only told what would change. */
  output: string | undefined
  toolVersion: string
  exec: Exec
  log: Log
  /** A folder of the caller's on a file system that an overlay can write to. */
  workDir: string
}

export interface InjectedPackage {
  name: string
  version: string
  architecture: string
  was: 'installed' | 'upgraded' | 'downgraded' | 'reinstalled'
  /** What it took the place of. */
  oldVersion: string | null
}

/** What an injection did, or, without an ISO, would do. */
export interface Injection {
  iso: { path: string; sha256: string; sizeBytes: number } | null
  mode: InjectMode
  squashfs: { path: string; oldBytes: number; newBytes: number } | null
  packages: InjectedPackage[]
  removed: { name: string; version: string }[]
  /** Releases whose lists of modules were made anew. */
  modulesListed: string[]
  /** Releases whose initrd was made anew. */
  initrds: string[]
  /** The new kernel, where it was replaced. */
  kernel: string | null
  files: Difference['paths']
  /** What a person should know. */
  notes: string[]
  /** How long all took that ran in the image: dpkg, scripts, depmod, what makes initrds. */
  overlaySeconds: number
  /** All packages of the image as it is now. */
  present: PresentPackage[]
}

type OpenIso = NonNullable<RouterImage['iso']>

/**
 * Installs packages in an ISO's root file system and writes a new ISO that is the same in everything else. The packed data of the old one are copied, not unpacked.
 * @throws ForgeError E_INJECT when a package does not install; E_NOT_ROOT where this host lets nobody but root; E_DEB_ARCHITECTURE, E_USAGE, E_OUT, E_DISK_FULL; E_IMAGE and the like for what is no router ISO
 */
export async function inject(input: InjectInput): Promise<Injection> {
  const { packages, script, mode = 'graft', output, exec, log, workDir } = input
  if (packages.length === 0 && script === undefined) throw new ForgeError('E_USAGE', 'no package to install was given', { hint: 'name .deb files, or a --script: nat64-forge inject ROUTER.iso PACKAGE.deb… --output NEW.iso' })
  await using image = await openRouterImage(input.iso, { exec, workDir }).catch(toChange)
  if (!image.iso) throw new ForgeError('E_IMAGE', `${input.iso} is not an ISO`, { hint: 'give the router\'s live ISO' })
  const squashfs = await image.squashfs()
  if (!squashfs) throw new ForgeError('E_BUG', 'an ISO was opened without its squashfs')
  const iso = image.iso
  if (iso.layerEntry) throw new ForgeError('E_INJECT', `${input.iso} has a layer of an earlier injection (${iso.layerEntry.path})`, { hint: 'inject into the ISO that it was made of, all packages at once' })
  if (output !== undefined) await checkOutput(output, input.iso, iso.source.sizeBytes)
  await checkSpace(workDir, iso.squashfsEntry.sizeBytes)
  // Before anything is done for it: not every host lets an ordinary user, and not every container lets root.
  const way = await findWayIn({ iso: resolve(iso.source.path), offset: iso.squashfsEntry.offset, sizeBytes: mountedBytes(iso), exec, workDir })
  const { namespace } = way

  const request = await prepare(input, image, squashfs)
  const unpacked = way.root === 'mounted' ? undefined : await unpackAll({ input, iso, squashfs, way, mode })
  log.step(packages.length === 0 ? 'running the script in the image' : `installing ${String(packages.length)} packages in the image`)
  const oldManifest = await image.root().then((root) => root.readFile(manifestPath)).then((bytes) => bytes && parseManifest(bytes))
  // At the same time: the one waits for dpkg, the other for the disk.
  const [source] = await Promise.all([oldManifest?.source ?? digestsOf(iso), runInOverlay(input, iso, squashfs, ['install'], unpacked)])
  log.step('packing what changed')
  const answer = join(workDir, 'answer')
  const installed = await readInstalled(join(answer, 'packages'))
  expectInstalled(installed, await readFile(join(answer, 'status'), 'utf8'), request.offer.given)
  const outcome = await outcomeOf(request, installed, exec)
  const initrds = await newInitrds(answer)
  await expectKernel(request, workDir)

  const manifest = newManifest({
    old: oldManifest, source, toolVersion: input.toolVersion, installed: outcome.packages, offered: request.offer.all, present: installed, removed: outcome.removed,
    script: script === undefined ? undefined : await sha256File(join(workDir, 'request/script')), kernel: request.newKernel === undefined ? undefined : { release: request.newKernel, replaced: request.oldKernels },
  })
  await writeFile(join(workDir, 'upper', manifestPath), `${JSON.stringify(manifest, null, 2)}\n`)
  const { file, difference } = await packDifference(squashfs, { exec, workDir }, { namespace, asLayer: mode === 'layer' })
  const done: Injection = {
    iso: null, mode, squashfs: null, ...outcome, modulesListed: await linesOf(join(answer, 'depmod')), initrds, kernel: request.newKernel ?? null, files: difference.paths, overlaySeconds: await secondsOf(join(answer, 'times')),
    notes: [...(way.note === undefined ? [] : [way.note]), ...await notesOf({ answer, mode, request, outcome, difference })], present: installed,
  }
  if (output === undefined) return done

  const files = new Map<string, string>()
  if (difference.paths.length > 0) log.step(steps[mode])
  await using grafted = difference.paths.length > 0 && mode === 'graft' ? await openGrafted(iso.open(iso.squashfsEntry), file, { exec, workDir }) : undefined
  if (difference.paths.length > 0 && mode !== 'graft') {
    const layer = join(workDir, 'new.squashfs')
    if (mode === 'repack') await runInOverlay(input, iso, squashfs, ['pack', layer, ...packOptions(squashfs), '-mkfs-time', String(squashfs.superblock.createdAt), '-noappend', '-no-progress', '-quiet'], unpacked)
    files.set(mode === 'layer' ? layerBeside(iso.squashfsEntry) : iso.squashfsEntry.path, mode === 'layer' ? file : layer)
    if (mode === 'layer') await listLayer(iso, files, workDir)
  }
  for (const [path, from] of liveFiles(iso, request, initrds, workDir)) files.set(path, from)
  await checkOutputSpace(output, await sizeWith(files, iso) + (grafted ? grafted.sizeBytes - iso.squashfsEntry.sizeBytes : 0))
  log.step('writing the ISO')
  await using target = await openOutput(output, exec)
  const { sha256, notes } = await writeNewIso({ image, iso, files, streamed: new Map(grafted ? [[iso.squashfsEntry.path, grafted]] : []), epoch: squashfs.superblock.createdAt, packages: installed, grownBytes: grownBytes(difference), output: target.path, exec, namespace, workDir })
  done.notes.push(...notes)
  done.iso = { path: output, sha256, sizeBytes: (await stat(target.path)).size }
  const newSquashfs = files.get(iso.squashfsEntry.path)
  done.squashfs = { path: iso.squashfsEntry.path, oldBytes: iso.squashfsEntry.sizeBytes, newBytes: grafted?.sizeBytes ?? (newSquashfs === undefined ? iso.squashfsEntry.sizeBytes : (await stat(newSquashfs)).size) }
  await target.publish()
  return done
}

/** On a disk with the usual blocks. */
function grownBytes({ paths }: Difference): number {
  const onDisk = (bytes: number | null): number => Math.ceil((bytes ?? 0) / 4096) * 4096
  return paths.reduce((sum, { oldBytes, newBytes }) => sum + onDisk(newBytes) - onDisk(oldBytes), 0)
}

/** What the new ISO takes, less what its own tables grow by. */
async function sizeWith(files: ReadonlyMap<string, string>, iso: OpenIso): Promise<number> {
  let sizeBytes = iso.source.sizeBytes
  for (const [path, from] of files) sizeBytes += (await stat(from)).size - (iso.file(path)?.sizeBytes ?? 0)
  return sizeBytes
}

interface UnpackAll { input: InjectInput; iso: OpenIso; squashfs: Squashfs; way: WayIn; mode: InjectMode }

/** @throws ForgeError E_INJECT for what whoever may not mount cannot do as root would */
async function unpackAll({ input: { exec, log, workDir }, iso, squashfs, way: { namespace }, mode }: UnpackAll): Promise<UnpackedRoot> {
  const { source, squashfsEntry } = iso
  // overlayfs notes in the layer from which file of which disk each came: of one that is gone, and other numbers every time.
  if (mode === 'layer' && namespace === undefined) throw new ForgeError('E_INJECT', 'root makes a layer only where the image can be mounted, and it cannot be here', { hint: 'use --mode graft, or run the same command outside of the container' })
  await checkSpace(workDir, squashfsEntry.sizeBytes * unpackedTimes)
  log.step('unpacking the image\'s root, which cannot be mounted here')
  const unpacked = await unpackRoot({ iso: resolve(source.path), offset: squashfsEntry.offset, squashfs, namespace, exec, workDir })
  const { devices, foreign } = unpacked
  if (foreign[0] !== undefined && namespace?.owners !== 'own') throw new ForgeError('E_INJECT', `${foreign[0]} in the image belongs to a number beyond those that are set aside for this user`, { hint: needsNumbers })
  if (mode === 'repack' && (devices.length > 0 || foreign.length > 0)) {
    const what = devices.length > 0 ? `device nodes (${devices[0] ?? ''})` : `files of others (${foreign[0] ?? ''})`
    throw new ForgeError('E_INJECT', `the image has ${what}, so only root can pack all of it again`, { hint: devices.length > 0 ? `use --mode graft, which takes them from the old image as they are, or ${asRoot}` : `use --mode graft; ${needsNumbers}` })
  }
  return unpacked
}

/** How much larger a router's root is than its squashfs, at least. */
const unpackedTimes = 3

const steps: Readonly<Record<InjectMode, string>> = { graft: 'grafting what changed onto the squashfs', repack: 'packing the whole root again', layer: 'making a layer of what changed' }

/** Where an ISO lists the images that are stacked, the layer has to be on the list too: the last one is on top. */
async function listLayer(iso: OpenIso, files: Map<string, string>, workDir: string): Promise<void> {
  const list = iso.squashfsEntry.path.replace(/\.\w+$/, '.module')
  const old = (await iso.file9660(list))?.toString('utf8')
  if (old === undefined) return
  await writeFile(join(workDir, 'layers'), `${old.trimEnd()}\n${layerBeside(iso.squashfsEntry).replace(/^.*\//, '')}\n`)
  files.set(list, join(workDir, 'layers'))
}

interface Request {
  offer: Offer
  /** Why each of what was given is not to be installed. */
  leftOut: readonly string[]
  /** What a person should know of modules. */
  modules: readonly string[]
  before: readonly { name: string; version: string; architecture: string }[]
  given: ReadonlySet<string>
  kernels: readonly ImageKernel[]
  newKernel: string | undefined
  oldKernels: string[]
}

/** Writes down what is to be done in the overlay, in the work folder. */
async function prepare({ iso, packages, judged = [], folders = [], script, kernel = 'keep', mode = 'graft', exec, workDir }: InjectInput, image: RouterImage, squashfs: Squashfs): Promise<Request> {
  const root = await image.root()
  const system = await systemOf(image)
  const status = await root.readFile('var/lib/dpkg/status')
  if (status === undefined || system.packages === undefined || system.architecture === undefined) throw new ForgeError('E_INJECT', `${image.path} has no list of packages (var/lib/dpkg/status), so nothing can be installed in it`, { hint: 'only images of Debian and of what is made of it can be injected into' })
  const architectures = [system.architecture, ...((await root.readFile('var/lib/dpkg/arch'))?.toString('utf8') ?? '').split('\n').filter((name) => name !== '' && name !== system.architecture)]
  const strange = architectures.find((name) => !architectureName.test(name))
  if (strange !== undefined) throw new ForgeError('E_INJECT', `${image.path} says that it is for ${JSON.stringify(strange)}, which is no architecture`, { hint: 'do not trust where it comes from' })
  if (squashfs.superblock.compressor === 'lzma') throw new ForgeError('E_INJECT', `${image.path} has a squashfs that is compressed with lzma, which no kernel mounts`, { hint: 'pack it anew with xz' })
  for (const folder of ['lower', 'upper', 'merged', 'request', 'run']) await mkdir(join(workDir, folder))
  const write = (name: string, lines: readonly string[]): Promise<void> => writeFile(join(workDir, 'request', name), lines.map((line) => `${line}\n`).join(''))
  const offered = await offerPackages({ packages, folders, architectures, workDir, exec })
  const { given, why: leftOut } = leaveOut(offered, system.packages.map(({ name }) => name))
  const offer = { ...offered, given }
  const kernels = await kernelsIn(image)
  const newKernel = kernel === 'replace' ? kernelOf(offer) : undefined
  const modules = newKernel !== undefined ? [] : await moduleNotes({
    iso, kernels, coming: given.flatMap(({ kernel: comes }) => comes ?? []), packages: packages.flatMap((path, at) => judged.includes(path) ? [] : givenCopy(workDir, path, at)), exec, workDir,
  })
  const oldKernels = newKernel === undefined ? [] : kernels.map(({ release }) => String(release)).filter((release) => release !== newKernel).sort()
  for (const name of ['vmlinuz', 'initrd'] as const) {
    if (newKernel !== undefined && image.iso && liveEntries(image.iso, name).length === 0) throw new ForgeError('E_INJECT', `${image.path} has no ${name} beside its squashfs, so its kernel cannot be replaced`, { hint: 'only ISOs in the form of live-boot have their kernel replaced' })
  }
  if (newKernel !== undefined && mode === 'layer') throw new ForgeError('E_USAGE', 'a layer cannot replace a kernel: an initrd reads its modules before layers are stacked', { hint: 'use --mode graft' })
  const names = offer.given.map(({ name, architecture }) => architectures.slice(1).includes(architecture) ? `${name}:${architecture}` : name)
  const goes = system.packages.map(({ name }) => name).filter((name) => oldKernels.some((release) => new RegExp(`^linux-(image|modules|headers)-${release.replace(/[.+]/g, '\\$&')}(-unsigned)?$`).test(name)))
  await write('packages', [...names, ...goes.map((name) => `${name}-`)])
  // Whoever gives a package means it, also where the image holds it; that goes on holding what is there then.
  await writeFile(join(workDir, 'request/status'), withoutHolds(status.toString('latin1'), offer.given.map(({ name }) => name), goes), 'latin1')
  await write('holds', heldPackages(status.toString('latin1')).filter((name) => offer.given.some((one) => one.name === name)).map((name) => `${name} hold`))
  await write('protected', protectedPackages(status.toString('utf8')))
  await write('held-back', heldBack(squashfs))
  await writeFile(join(workDir, 'request/system-calls'), systemCallFilter())
  if (newKernel !== undefined) {
    await write('kernels-to-remove', oldKernels)
    await write('kernel-packages', goes)
  }
  if (script !== undefined) await copyScript(script, join(workDir, 'request/script'))
  await write('initrds', newKernel === undefined ? await initrdsOf(image, kernels, workDir) : [`${newKernel} new`])
  return { offer, leftOut, modules, before: system.packages, given: new Set(offer.given.map(({ name }) => name)), kernels, newKernel, oldKernels }
}

function kernelOf({ given }: Offer): string {
  const releases = [...new Set(given.flatMap(({ kernel }) => kernel ?? []))]
  if (releases.length === 1 && releases[0] !== undefined) return releases[0]
  throw new ForgeError('E_USAGE', releases.length === 0 ? '--kernel replace needs a kernel, and none of the packages is one' : `--kernel replace needs one kernel, and the packages bring ${releases.join(' and ')}`, { hint: 'give one package linux-image-RELEASE, with the packages that it needs' })
}

/** A line for each initrd that there is: its kernel's release, and where it lies in the overlay. */
async function initrdsOf(image: RouterImage, kernels: readonly ImageKernel[], workDir: string): Promise<string[]> {
  const root = await image.root()
  const lines: string[] = []
  for (const { release, boots } of kernels) {
    const inRoot = `/boot/initrd.img-${release}`
    if ((await root.stat(inRoot))?.kind === 'file') {
      lines.push(`${release} ${inRoot}`)
      continue
    }
    const onIso = boots ? image.iso && liveEntries(image.iso, 'initrd')[0] : undefined
    if (!onIso || !image.iso) continue
    await writeFile(join(workDir, 'run/live-initrd'), await image.iso.open(onIso).read(0, onIso.sizeBytes))
    lines.push(`${release} /run/nat64-forge/live-initrd`)
  }
  return lines
}

function liveEntries(iso: OpenIso, name: 'initrd' | 'vmlinuz'): OpenIso['entries'][number][] {
  const folder = iso.squashfsEntry.path.replace(/[^/]*$/, '')
  // initrd, initrd.img, initrd.img-6.1.0-1-amd64; what has a further ending is a sum or a signature of one.
  const form = name === 'initrd' ? /^initrd(\d*|\.(img|gz|xz|lz4?|lzma|zst|lz))(-\d.*)?$/ : /^vmlinuz\d*(-\d.*)?$/
  return iso.entries.filter(({ path, directory }) => !directory && path.startsWith(folder) && form.test(path.slice(folder.length)) && !/\.(sig|asc|sha\d+|sha\d+sum|md5|md5sum|sum)$/i.test(path))
}

/** Files beside the squashfs that follow a new kernel or initrd. Their names stay, since the boot menus have them. */
function liveFiles(iso: OpenIso, { newKernel, kernels }: Request, initrds: readonly string[], workDir: string): Map<string, string> {
  const files = new Map<string, string>()
  const release = newKernel ?? kernels.find(({ boots }) => boots)?.release
  const others = kernels.map((kernel) => String(kernel.release)).filter((other) => other !== release)
  const ours = (path: string): boolean => newKernel !== undefined || !others.some((other) => path.endsWith(`-${other}`))
  if (release !== undefined && initrds.includes(release)) for (const { path } of liveEntries(iso, 'initrd')) if (ours(path)) files.set(path, join(workDir, `answer/initrd-${release}`))
  if (newKernel !== undefined) for (const { path } of liveEntries(iso, 'vmlinuz')) files.set(path, join(workDir, 'vmlinuz'))
  return files
}

async function expectKernel({ newKernel }: Request, workDir: string): Promise<void> {
  if (newKernel === undefined) return
  const from = join(workDir, `upper/boot/vmlinuz-${newKernel}`)
  // A package may have put links on the way.
  const real = await realpath(from).catch(() => undefined)
  if (real === undefined || real !== join(await realpath(join(workDir, 'upper')), `boot/vmlinuz-${newKernel}`) || !(await lstat(real)).isFile()) throw new ForgeError('E_INJECT', `the package of the kernel ${newKernel} brings no boot/vmlinuz-${newKernel}`, { hint: 'give the package that has the kernel itself, not one that only depends on it' })
  // What the image has already is taken out of the overlay before the ISO is written.
  await copyFile(from, join(workDir, 'vmlinuz'))
}

async function runInOverlay(input: InjectInput, iso: OpenIso, squashfs: Squashfs, step: readonly string[], unpacked: UnpackedRoot | undefined): Promise<void> {
  const { exec, workDir } = input
  const { squashfsEntry: entry, source } = iso
  const said: string[] = []
  await exec(['unshare', '--net', 'bash', fileURLToPath(new URL('in-overlay.sh', import.meta.url)), workDir, resolve(source.path), String(entry.offset), String(mountedBytes(iso)), ...step] as unknown as Argv, {
    contained: true, foreignWords: true, doing: step[0] === 'pack' ? 'pack the root again' : 'install the packages in the image', errorCode: 'E_INJECT', userNamespace: unpacked?.namespace,
    env: { ...(step[0] === 'pack' ? {} : { SOURCE_DATE_EPOCH: String(squashfs.superblock.createdAt) }), ...(unpacked ? { UNPACKED: 'yes' } : {}), ...(unpacked?.namespace ? { USER_NAMESPACE: 'yes' } : {}) },
    hint: `the last words above say why; give the packages that these depend on too${unpacked?.namespace?.owners === 'own' ? `. Where they need other owners than root: ${needsNumbers}` : ''}`, timeoutMs: 60 * 60_000, onLine: (line) => said.push(line),
  }).catch(async (error: unknown) => {
    const [status] = await linesOf(join(workDir, 'answer/script-failed'))
    if (status !== undefined && error instanceof ForgeError && error.code === 'E_INJECT') throw await scriptFailure(input.script ?? '', { copy: join(workDir, 'request/script'), status, said, cause: error })
    const refusal = refusalOf(said, heldPackages(await readFile(join(workDir, 'request/status'), 'latin1')))
    if (!refusal) throw error
    throw new ForgeError('E_INJECT', refusal.message, { hint: refusal.hint, cause: error, ...(error instanceof ForgeError && error.details !== undefined ? { details: error.details } : {}) })
  })
}

/** What a loop device is told to show of the ISO: whole blocks. */
function mountedBytes({ squashfsEntry: { sizeBytes } }: OpenIso): number {
  return Math.ceil(sizeBytes / isoBlockBytes) * isoBlockBytes
}

/** Of the whole ISO and of its squashfs, in one pass. */
async function digestsOf({ source, squashfsEntry: { path, offset, sizeBytes } }: OpenIso): Promise<InjectManifest['source']> {
  const [whole, part] = [createHash('sha256'), createHash('sha256')]
  let at = 0
  for await (const chunk of createReadStream(source.path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    whole.update(chunk)
    const [from, to] = [Math.max(0, offset - at), Math.min(chunk.length, offset + sizeBytes - at)]
    if (from < to) part.update(chunk.subarray(from, to))
    at += chunk.length
  }
  return { iso: { sha256: whole.digest('hex'), sizeBytes: at }, squashfs: { path, sha256: part.digest('hex'), sizeBytes } }
}

async function outcomeOf({ before, given, offer }: Request, installed: readonly { name: string; version: string; architecture: string }[], exec: Exec): Promise<Pick<Injection, 'packages' | 'removed'>> {
  const key = ({ name, architecture }: { name: string; architecture: string }): string => `${bare(name)}:${architecture}`
  const old = new Map(before.map((pkg) => [key(pkg), pkg.version]))
  const now = new Set(installed.map(key))
  const names = new Set(installed.map(({ name }) => bare(name)))
  const packages: InjectedPackage[] = []
  for (const { name, version, architecture } of installed) {
    // A package may come for all architectures where it was for one.
    const other = before.find((pkg) => pkg.name === bare(name) && !now.has(key(pkg)))
    const oldVersion = old.get(key({ name, architecture })) ?? other?.version ?? null
    const offered = offer.given.some((one) => one.name === bare(name) && one.architecture === architecture && one.version === version)
    if (oldVersion === version && !(given.has(bare(name)) && offered)) continue
    const older = async (): Promise<boolean> => (await exec(['dpkg', '--compare-versions', version, 'lt', oldVersion ?? ''], { okStatus: [0, 1], doing: 'compare versions' })).exitStatus === 0
    const was = oldVersion === null ? 'installed' : oldVersion === version ? 'reinstalled' : await older() ? 'downgraded' : 'upgraded'
    packages.push({ name: bare(name), version, architecture, was, oldVersion })
  }
  return { packages, removed: before.filter((pkg) => !now.has(key(pkg)) && !names.has(pkg.name)).map(({ name, version }) => ({ name, version })) }
}

/** Of lines with a beginning and an end. */
async function secondsOf(path: string): Promise<number> {
  return (await linesOf(path)).reduce((sum, line) => {
    const [began = 0, ended = 0] = line.split(' ').map(Number)
    return sum + ended - began
  }, 0)
}

/** dpkg writes the architecture behind a name where several may be installed. */
function bare(name: string): string {
  return name.split(':')[0] ?? ''
}

/** What each router should make for itself when it first starts. */
const secretFiles = /^(etc\/(machine-id|ssh\/ssh_host_.*_key)|var\/lib\/dbus\/machine-id|(.*\/)?private\/[^/]+\.key)$/
/** That many have a machine-id: one that says that there is none yet has fewer. */
const idBytes = 33

function secretsIn({ paths }: Difference): string[] {
  return paths.filter(({ path, newBytes }) => secretFiles.test(path) && (newBytes ?? 0) >= (path.endsWith('machine-id') ? idBytes : 1)).map(({ path }) => path)
}

function shortly(paths: readonly string[]): string {
  return `${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ` and ${String(paths.length - 3)} more` : ''}`
}

interface NotesInput { answer: string; mode: InjectMode; request: Request; outcome: Pick<Injection, 'packages'>; difference: Difference }

async function notesOf({ answer, mode, request, outcome, difference }: NotesInput): Promise<string[]> {
  const secrets = secretsIn(difference)
  const noted = new Set(await linesOf(join(answer, 'notes')))
  const notKept = await linesOf(join(answer, 'not-kept'))
  const kernels = request.offer.given.flatMap(({ kernel }) => kernel ?? []).filter((release) => !request.kernels.some((known) => known.release === release))
  return [
    ...request.leftOut,
    ...request.modules,
    ...(noted.has('own-relations-broken') ? ['packages of the image itself have unmet dependencies, so apt was not asked: dpkg installed what was given, and no more'] : []),
    ...(noted.has('no-initramfs-tools') ? ['something that an initrd may hold has changed, and the image has no initramfs-tools to make one: its initrd stays as it was'] : []),
    ...(noted.has('initrd-asked') ? ['a package asked for a new initrd, and nothing has changed that is known to go into one: it stays as it was'] : []),
    ...(notKept.length === 0 ? [] : [`packages bring files below /run, /tmp or /dev, which are empty when a router starts: they are not in the image (${shortly(notKept)})`]),
    ...(secrets.length === 0 ? [] : [`packages or the script have made keys or IDs in the image, which every router that boots it will share, and which are others in every injection (${shortly(secrets)}); a --script can remove them`]),
    ...(mode === 'layer' ? ['the packages are in a layer of their own, which only live boot (live-boot) stacks on the root: an installer that copies filesystem.squashfs does not copy them, and a folder with `union` in persistence.conf shows what the root had before'] : []),
    ...(request.newKernel === undefined && kernels.length > 0 && outcome.packages.length > 0 ? [`the ISO still boots its own kernel; --kernel replace puts ${kernels.join(' and ')} in its place`] : []),
  ]
}
