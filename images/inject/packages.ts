import { copyFile, mkdir, readdir, readFile, realpath, stat, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseDpkgStatus } from '../../scripts/formats/dpkg-status.ts'
import { ForgeError, isErrno } from '../../scripts/lib/errors.ts'
import type { Exec } from '../../scripts/lib/exec.ts'

/** A .deb, as a repository's index has it. */
export interface OfferedPackage {
  name: string
  version: string
  architecture: string
  sha256: string
  /** The kernel's release, for the package of a kernel: linux-image-6.1.0-56-amd64. */
  kernel: string | undefined
}

export interface Offer {
  /** What is to be installed. */
  given: OfferedPackage[]
  /** Also what others may need. */
  all: OfferedPackage[]
}

interface OfferInput {
  packages: readonly string[]
  /** Folders with packages that these may need. */
  folders: readonly string[]
  /** The image's own, then those that its dpkg also takes. */
  architectures: readonly string[]
  workDir: string
  exec: Exec
}

/**
 * Lays out given packages and folders of packages as apt repositories in the work folder, with a configuration of apt that knows
 * these, the image's list of packages, and nothing of the host's.
 * @throws ForgeError E_DEB, E_DEB_ARCHITECTURE, E_USAGE
 */
export async function offerPackages({ packages, folders, architectures, workDir, exec }: OfferInput): Promise<Offer> {
  const givenDir = join(workDir, 'given')
  await mkdir(givenDir)
  for (const [at, path] of packages.entries()) {
    const unreadable = (cause: unknown): never => { throw isErrno(cause, 'ENOSPC') || isErrno(cause, 'EDQUOT') ? cause : new ForgeError('E_DEB', `${path} cannot be read`, { hint: 'check the path', cause }) }
    // A pipe would be waited for without an end.
    if (!(await stat(path).catch(unreadable)).isFile()) throw new ForgeError('E_DEB', `${path} is not a file`, { hint: 'give .deb files, and folders with packages that these may need to --packages' })
    const copy = givenCopy(workDir, path, at)
    await copyFile(path, copy).catch(unreadable)
    await exec(['dpkg-deb', '--info', copy], { doing: `read ${path}`, errorCode: 'E_DEB', hint: 'it is cut off or no package: get it again' })
  }
  const given = await index(givenDir, givenDir, 'given', exec)
  if (given.length !== packages.length) throw new ForgeError('E_DEB', `of ${String(packages.length)} packages only ${String(given.length)} can be listed: ${given.map(({ name }) => name).join(', ')}`, { hint: 'look at the others with dpkg-deb --info' })
  for (const [at, pkg] of given.entries()) {
    // apt of this host is told the name.
    if (!packageName.test(pkg.name)) throw new ForgeError('E_DEB', `${JSON.stringify(pkg.name)} is no name of a package`, { hint: 'do not trust where it comes from' })
    if (!['all', ...architectures].includes(pkg.architecture)) {
      throw new ForgeError('E_DEB_ARCHITECTURE', `${pkg.name} ${pkg.version} is for ${pkg.architecture}, and the image is for ${architectures.join(' and ')}`, { hint: `give the package that was built for ${architectures[0] ?? 'the image'}` })
    }
    if (given.findIndex(({ name, architecture }) => name === pkg.name && architecture === pkg.architecture) !== at) {
      const twice = given.filter(({ name, version }) => name === pkg.name && version === pkg.version).length > 1
      throw new ForgeError('E_USAGE', twice ? `${pkg.name} was given twice` : `${pkg.name} was given in two versions`, { hint: twice ? 'name every package once' : 'give the one that the image is to have' })
    }
  }
  const all = [...given]
  const sources = [givenDir]
  for (const [at, folder] of folders.entries()) {
    const repository = join(workDir, `folder-${String(at)}`)
    const real = await realpath(folder).catch((cause: unknown) => { throw new ForgeError('E_USAGE', `the folder ${folder} does not exist`, { hint: 'correct --packages', cause }) })
    if (!(await stat(real)).isDirectory()) throw new ForgeError('E_USAGE', `${folder} is not a folder`, { hint: 'give a folder with .deb files to --packages, and files as they are' })
    await mkdir(repository)
    await symlink(real, join(repository, 'pool'))
    all.push(...await index(real, repository, 'folder', exec, 'pool/'))
    sources.push(repository)
  }
  await writeAptConfiguration(workDir, sources, architectures)
  return { given, all }
}

/** Where a given package lies. A list of packages has a line for each name, and none for what is called otherwise than .deb; two files may have one name. */
export function givenCopy(workDir: string, path: string, at: number): string {
  return join(workDir, 'given', `${String(at)}-${basename(path).replaceAll(/[^\w.+~:%@-]/g, '_').replace(/(\.deb)?$/, '.deb')}`)
}

/** Writes an index over the packages in a folder. The word in Origin tells apt's pins which repository is which. */
async function index(dir: string, repository: string, origin: string, exec: Exec, prefix = ''): Promise<OfferedPackage[]> {
  const file = join(repository, 'Packages')
  const { stdout } = await exec(['apt-ftparchive', '-o', 'APT::FTPArchive::MD5=false', '-o', 'APT::FTPArchive::SHA1=false', '-o', 'APT::FTPArchive::SHA512=false', 'packages', '.'], {
    cwd: dir, doing: `list the packages in ${dir}`, errorCode: 'E_DEB', hint: 'one of them is damaged: take it out, or get it again',
  })
  await writeFile(file, stdout.replace(/^Filename: (?:\.\/)?/gm, `Filename: ${prefix}`))
  const release = await exec(['apt-ftparchive', '-o', `APT::FTPArchive::Release::Origin=${origin}`, 'release', repository], { doing: 'list packages' })
  await writeFile(join(repository, 'Release'), release.stdout)
  return stdout.split(/\n{2,}/).filter((paragraph) => paragraph.trim() !== '').map((paragraph) => {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1] ?? ''
    return { name: field('Package'), version: field('Version'), architecture: field('Architecture'), sha256: field('SHA256'), kernel: /^linux-image-(\d.*?)(?:-unsigned)?$/.exec(field('Package'))?.[1] }
  })
}

/**
 * Of what is built together, two packages are only for some images. Given with all the others, such a one is left out where it cannot be, with the reason;
 * given alone it is meant.
 */
export function leaveOut({ given, all }: Offer, present: readonly string[]): { given: OfferedPackage[]; why: string[] } {
  const why = new Map(given.flatMap(({ name }) => {
    const needed = name === 'vyos-nat64' ? 'vyos-1x' : /^jool-modules-([a-z].*)$/.exec(name)?.[1]?.replace(/^/, 'linux-image-')
    return needed === undefined || present.includes(needed) || all.some((one) => one.name === needed) ? [] : [[name, `${name} is left out: it is for images with ${needed}, which this one has not`]]
  }))
  return why.size === given.length ? { given, why: [] } : { given: given.filter(({ name }) => !why.has(name)), why: [...why.values()].sort() }
}

async function writeAptConfiguration(workDir: string, sources: readonly string[], architectures: readonly string[]): Promise<void> {
  const request = join(workDir, 'request')
  for (const folder of ['etc/apt.conf.d', 'etc/preferences.d', 'etc/trusted.gpg.d', 'state/lists/partial', 'cache', 'log']) await mkdir(join(request, folder), { recursive: true })
  await mkdir(join(workDir, 'archives/partial'), { recursive: true })
  await writeFile(join(request, 'etc/sources.list'), sources.map((dir) => `deb [trusted=yes] copy:${encodeURI(dir)} ./\n`).join(''))
  // What was given is what is meant, also where it is older than the image's own.
  await writeFile(join(request, 'etc/preferences'), 'Package: *\nPin: release o=given\nPin-Priority: 1001\n')
  // DPkg::Install::Recursive: five files or more apt puts into a folder of its own, which only it sees, whatever the option itself says.
  await writeFile(join(request, 'apt.conf'), [
    ['Dir::Etc', join(request, 'etc')], ['Dir::State', join(request, 'state')], ['Dir::State::lists', join(request, 'state/lists')],
    ['Dir::State::status', join(request, 'status')], ['Dir::Cache', join(request, 'cache')], ['Dir::Cache::archives', join(workDir, 'archives')], ['Dir::Log', join(request, 'log')],
    ['Dir::Bin::dpkg', fileURLToPath(new URL('planned-dpkg.sh', import.meta.url))], ['DPkg::Use-Pty', 'false'], ['DPkg::Install::Recursive::Minimum', '1000000'], ['APT::Sandbox::User', 'root'], ['APT::Architecture', architectures[0] ?? ''], ['APT::Install-Recommends', 'false'],
    ['Acquire::Languages', 'none'], ['APT::Get::Show-Versions', 'true'], ['Debug::NoLocking', 'true'],
  ].map(([name, value]) => `${String(name)} "${String(value)}";\n`).join('')
    + `#clear APT::Architectures;\nAPT::Architectures { ${architectures.map((name) => `"${name}"; `).join('')}};\n`
    + 'DPkg::Options { "--force-confdef"; "--force-confold"; "--force-unsafe-io"; };\n')
}

/** What apt said is missing, one sentence a package: `extra depends on libnothing (>= 2), but it is not installable`. */
export function unmetRelations(lines: readonly string[]): string[] {
  const start = lines.findIndex((line) => /unmet dependencies[:.]$/.test(line))
  if (start < 0) return []
  const unmet: string[] = []
  let who = ''
  let relation = ''
  for (const line of lines.slice(start + 1)) {
    // Alternatives and further relations of the same package are indented, without its name.
    const [, name, kind, what] = /^ (\S+)? *:? *(?:(Depends|PreDepends|Pre-Depends|Conflicts|Breaks|Recommends): )?(.+)$/.exec(line) ?? []
    if (what === undefined) break
    who = name ?? who
    relation = kind ?? relation
    unmet.push(`${who} ${words[relation] ?? relation} ${what.replace(/ or$/, ' or')}`)
  }
  return unmet
}

/**
 * Why apt did not do it, from its words: what the packages need or cannot be beside, or what the image holds.
 * @param held names of what is on hold in the image
 */
export function refusalOf(lines: readonly string[], held: readonly string[]): { message: string; hint: string } | undefined {
  const unmet = unmetRelations(lines)
  const changed = heldChanges(lines)
  if (unmet.length === 0 && changed.length === 0) return undefined
  if (unmet.length === 0) return { message: `the packages need another version of what is on hold in the image: ${changed.join(', ')}`, hint: 'give these packages by name too: what is given is installed, also where it is on hold' }
  const against = unmet.filter((one) => / (conflicts with|breaks) /.test(one))
  if (against.length === 0) return { message: `the image lacks what the packages need: ${unmet.join('; ')}`, hint: 'give these packages too, or a folder that has them: --packages DIR' }
  const [first, ...more] = held.filter((name) => against.some((one) => one.split(' ').includes(name)))
  return {
    message: `the packages cannot be beside what stays in the image: ${unmet.join('; ')}`,
    hint: first === undefined
      ? 'two of the given packages exclude each other, or the image protects what would have to go: leave one out, or give another version'
      : `${[first, ...more].join(' and ')} on hold in the image, so nothing removes that; an injection before this one can lift it, with a --script that runs \`echo ${first} install | dpkg --set-selections\``,
  }
}

/** What apt would have to change against a hold. */
function heldChanges(lines: readonly string[]): string[] {
  const start = lines.findIndex((line) => line.startsWith('The following held packages will be changed:'))
  if (start < 0 || !lines.some((line) => line.startsWith('E: Held packages were changed'))) return []
  const end = lines.findIndex((line, at) => at > start && !line.startsWith(' '))
  return lines.slice(start + 1, end).map((line) => line.trim())
}

/** Names of packages that are on hold, from dpkg's list; in order. Pure. */
export function heldPackages(status: string): string[] {
  return status.split(/\n{2,}/).flatMap((paragraph) => /^Status: hold /m.test(paragraph) ? /^Package: (.*)$/m.exec(paragraph)?.[1] ?? [] : []).filter((name) => packageName.test(name)).sort()
}

/** dpkg's list as apt is shown it: what is named, and what depends on something that goes, is not on hold. Pure. */
export function withoutHolds(status: string, named: readonly string[], goes: readonly string[]): string {
  const paragraphs = status.split(/(?<=\n)(?=\n)/).map((text) => ({
    text, name: /^Package: (.*)$/m.exec(text)?.[1] ?? '', needs: [...text.matchAll(/^(?:Pre-)?Depends: (.*)$/gm)].flatMap(([, list = '']) => list.split(/[,|]/).map((one) => one.trim().split(/[\s:(]/)[0] ?? '')),
  }))
  const going = new Set(goes)
  for (let before = -1; before < going.size;) {
    before = going.size
    for (const { name, needs } of paragraphs) if (needs.some((one) => going.has(one))) going.add(name)
  }
  return paragraphs.map(({ text, name }) => named.includes(name) || going.has(name) ? text.replace(/^Status: hold /m, 'Status: install ') : text).join('')
}

const words: Readonly<Record<string, string>> = { Depends: 'depends on', PreDepends: 'depends on', 'Pre-Depends': 'depends on', Conflicts: 'conflicts with', Breaks: 'breaks', Recommends: 'recommends' }

/** A package in the image, and the source that it is made of. */
export interface PresentPackage {
  name: string
  /** As dpkg lists it: with the architecture where several may be installed. */
  listed: string
  version: string
  architecture: string
  source: string
  sourceVersion: string
}

/** As Debian's policy has it. Names of others become words of this host's apt. */
const packageName = /^[a-z0-9][a-z0-9+.-]+$/
/** The same for architectures. */
export const architectureName = /^[a-z0-9][a-z0-9-]*$/

/** Names of packages that apt does not remove unless they are named, from dpkg's status file; in order. Pure. */
export function protectedPackages(status: string): string[] {
  return status.split(/\n{2,}/).flatMap((paragraph) => /^Protected: yes$/m.test(paragraph) ? /^Package: (.*)$/m.exec(paragraph)?.[1] ?? [] : []).filter((name) => packageName.test(name)).sort()
}

/**
 * What dpkg's list has, `name[:architecture] version architecture status source sourceVersion` a line.
 * @throws ForgeError E_INJECT for what no dpkg writes; the list is the image's word
 */
export async function readInstalled(path: string): Promise<PresentPackage[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').map((line) => line.split(' ')).filter((parts) => parts[3] === 'installed')
  if (lines.some((parts) => parts.length !== 6 || parts.some((part) => !/^[\x21-\x7e]+$/.test(part)))) throw new ForgeError('E_INJECT', 'the image\'s dpkg-query lists packages as no dpkg does', { hint: 'do not trust the image, nor the packages' })
  return lines.map(([name = '', version = '', architecture = '', , source = '', sourceVersion = '']) => ({ name: name.split(':')[0] ?? '', listed: name, version, architecture, source, sourceVersion }))
}

/**
 * Against dpkg's own list, read from outside: what the image's dpkg-query says is only its word.
 * @throws ForgeError E_INJECT when one of the given packages is not installed, or dpkg-query says something else
 */
export function expectInstalled(installed: readonly PresentPackage[], status: string, given: readonly OfferedPackage[]): void {
  const line = ({ name, version, architecture }: { name: string; version: string; architecture: string }): string => `${name} ${version} ${architecture}`
  const [said, listed] = [new Set(installed.map(line)), new Set(parseDpkgStatus(status).map(line))]
  const other = [...listed].find((one) => !said.has(one)) ?? [...said].find((one) => !listed.has(one))
  if (other !== undefined) throw new ForgeError('E_INJECT', `the image's dpkg-query and its list of packages (var/lib/dpkg/status) do not agree about ${other}`, { hint: 'do not trust the image, nor the packages' })
  const missing = given.find((one) => !listed.has(line(one)))
  if (missing) throw new ForgeError('E_INJECT', `${line(missing)} was given, and is not installed in the image now`, { hint: 'another package or the script has removed it: give only what goes together' })
}

/** A list as `dpkg-query -W` writes it; names have no architecture where the old list has them so. Pure. */
export function packageList(old: string, packages: readonly Pick<PresentPackage, 'name' | 'listed' | 'version'>[]): string {
  const names = new Set(old.split('\n').map((line) => line.split('\t')[0]))
  const bare = packages.some(({ name, listed }) => listed !== name && names.has(name) && !names.has(listed))
  return packages.map(({ name, listed, version }) => `${bare ? name : listed}\t${version}\n`).join('')
}

/** Lines of a file that may not be there. */
export async function linesOf(path: string): Promise<string[]> {
  return (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
}

/** Releases of kernels whose initrd was made anew, from the names of the files. */
export async function newInitrds(dir: string): Promise<string[]> {
  return (await readdir(dir)).flatMap((name) => /^initrd-(?!why$)(.+)$/.exec(name)?.[1] ?? []).sort()
}
