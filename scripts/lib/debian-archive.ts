import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Architecture } from '../domain/architecture.ts'
import { sha256 } from '../domain/digest.ts'
import type { LockedPackage, RemoteFile } from '../domain/remote-file.ts'
import type { Suite } from '../domain/suite.ts'
import { aptConfiguration } from './apt-configuration.ts'
import { ForgeError } from './errors.ts'
import type { Exec } from './exec.ts'
import type { Log } from './log.ts'
import type { Mirrors } from './mirrors.ts'

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Fields of a package's record, by Debian's field names. */
export type PackageRecord = Readonly<Record<string, string>>

export interface SuiteIndex {
  /** Seconds since 1970: when the newest of the suite's indexes was made. */
  dateEpoch: number
  /** The newest record of `name`, of `name=version`, or of `name/suite`. @throws ForgeError E_RESOLVE */
  show: (name: string) => Promise<PackageRecord>
  /** Exactly these packages (`name` or `name=version`), without what they depend on. */
  exactly: (names: readonly string[]) => Promise<LockedPackage[]>
  /** These packages and all that they depend on, as apt would install them into an empty root. `wanted` may hold apt patterns. */
  closure: (wanted: readonly string[]) => Promise<LockedPackage[]>
  /** The files of a source package. @throws ForgeError E_RESOLVE */
  sourceFiles: (name: string, version: string) => Promise<RemoteFile[]>
}

export interface OpenOptions {
  sources?: boolean
  backports?: boolean
}

/** Debian's archive, read by apt with a state of its own: nothing of the host's package state is read or changed. */
export interface DebianArchive {
  /**
   * Downloads and verifies the indexes of a suite, once a run; those of source packages and of the suite's backports only if
   * asked. Packages of backports are taken when named by a version or a name that only they have, as apt does.
   */
  open: (suite: Suite, architecture: Architecture, options?: OpenOptions) => Promise<SuiteIndex>
}

export interface ArchiveContext {
  exec: Exec
  log: Log
  /** Where the private apt state lives. */
  dir: string
  mirrors: () => Promise<Mirrors>
}

export function debianArchive({ exec, log, dir, mirrors }: ArchiveContext): DebianArchive {
  const opened = new Map<string, Promise<SuiteIndex>>()
  return {
    open: (suite, architecture, { sources = false, backports = false } = {}) => {
      const name = `apt-${suite}${backports ? '-backports' : ''}${sources ? '-with-sources' : ''}`
      const known = opened.get(name)
      if (known) return known
      const opening = mirrors().then((found) => openSuite(suite, architecture, { sources, backports }, join(dir, name), found, exec, log))
      opened.set(name, opening)
      return opening
    },
  }
}

async function openSuite(suite: Suite, architecture: Architecture, options: Required<OpenOptions>, dir: string, mirrors: Mirrors, exec: Exec, log: Log): Promise<SuiteIndex> {
  log.step(`reading the package index of ${suite}`)
  for (const folder of ['lists/partial', 'cache/archives/partial', 'etc']) await mkdir(join(dir, folder), { recursive: true })
  await writeFile(join(dir, 'status'), '')
  await writeFile(join(dir, 'etc/sources.list'), sourcesList(suite, options, mirrors))
  const env = { APT_CONFIG: join(dir, 'etc/apt.conf') }
  await writeFile(env.APT_CONFIG, await aptConfiguration(exec, {
    'Dir::Etc::sourcelist': join(dir, 'etc/sources.list'),
    'Dir::State': dir,
    'Dir::State::status': join(dir, 'status'),
    'Dir::Cache': join(dir, 'cache'),
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Install-Recommends': 'false',
    'Acquire::Languages': 'none',
    'Acquire::ForceHash': 'SHA256',
  }))
  const apt = (tool: 'apt-get' | 'apt-cache', doing: string, ...words: string[]): Promise<string> =>
    // In a folder of its own: `download` says nothing of a package that lies where it runs.
    exec([tool, ...words], { doing, env, cwd: dir, errorCode: 'E_RESOLVE', timeoutMs: 5 * 60_000 }).then((result) => result.stdout)

  await exec(['apt-get', '-o', 'APT::Update::Error-Mode=any', 'update', '-q'], {
    env, doing: `read the package index of ${suite}`, errorCode: 'E_DOWNLOAD', timeoutMs: 5 * 60_000,
    hint: 'check the network and the mirror (`--debian-mirror URL`); `--verbose` shows the apt command',
  })

  const locked = async (doing: string, ...words: string[]): Promise<LockedPackage[]> => {
    const output = await apt('apt-get', doing, '-y', '-q', '--print-uris', ...words)
    return output.split('\n').filter((line) => line.startsWith('\'')).map((line) => lockedPackageOf(line, mirrors))
  }
  return {
    dateEpoch: await newestDate(join(dir, 'lists')),
    show: async (name) => {
      const output = await apt('apt-cache', `find the package ${name} in ${suite}`, '--no-all-versions', 'show', name)
      const record = parseRecord(output)
      if (!record) throw new ForgeError('E_RESOLVE', `${suite} has no package ${name}`, { hint: 'check suite, flavour and version in the target' })
      return record
    },
    exactly: (names) => locked(`find ${names.join(', ')} in ${suite}`, 'download', ...names),
    closure: (wanted) => locked(`work out the packages of a ${suite} root`, 'install', ...wanted),
    sourceFiles: async (name, version) => {
      const output = await apt('apt-get', `find the source package ${name} ${version}`, '-q', '--print-uris', '--download-only', '--only-source', 'source', `${name}=${version}`)
      return output.split('\n').filter((line) => line.startsWith('\'')).map((line) => remoteFileOf(line, mirrors))
    },
  }
}

function sourcesList(suite: Suite, { sources, backports }: Required<OpenOptions>, mirrors: Mirrors): string {
  const line = (type: string, mirror: string, name: string): string => `${type} [signed-by=${keyring}] ${mirror} ${name} main`
  const suites: [string, string][] = [[mirrors.debian, suite]]
  if (suite !== 'sid') suites.push([mirrors.debian, `${suite}-updates`], [mirrors['debian-security'], `${suite}-security`])
  if (backports) suites.push([mirrors.debian, `${suite}-backports`])
  return `${suites.flatMap(([mirror, name]) => [line('deb', mirror, name), ...(sources ? [line('deb-src', mirror, name)] : [])]).join('\n')}\n`
}

const uriLine = /^'([^']+)' (\S+) (\d+) SHA256:([0-9a-f]{64})$/

function remoteFileOf(line: string, mirrors: Mirrors): LockedPackage['file'] {
  const [, uri, fileName, size, digest] = uriLine.exec(line.trim()) ?? []
  if (uri === undefined || fileName === undefined || size === undefined || digest === undefined) {
    throw new ForgeError('E_RESOLVE', `apt gave no SHA-256 for: ${line}`)
  }
  for (const archive of ['debian-security', 'debian'] as const) {
    const prefix = `${mirrors[archive]}/`
    if (uri.startsWith(prefix)) {
      return { fileName, sizeBytes: Number(size), sha256: sha256(digest), from: { archive, path: decodeURIComponent(uri.slice(prefix.length)) } }
    }
  }
  throw new ForgeError('E_BUG', `apt names ${uri}, which is on no known mirror`)
}

function lockedPackageOf(line: string, mirrors: Mirrors): LockedPackage {
  const file = remoteFileOf(line, mirrors)
  const [name, version, rest] = file.fileName.split('_')
  if (name === undefined || version === undefined || rest === undefined) throw new ForgeError('E_BUG', `"${file.fileName}" is not a package's file name`)
  return { name, version: decodeURIComponent(version), architecture: rest.replace(/\.deb$/, ''), file }
}

/** The first stanza of apt's output; folded lines are joined with newlines. */
export function parseRecord(text: string): PackageRecord | undefined {
  const record: Record<string, string> = {}
  let field: string | undefined
  for (const line of (text.split(/\n\s*\n/)[0] ?? '').split('\n')) {
    if (/^\s/.test(line)) {
      if (field !== undefined) record[field] = `${record[field] ?? ''}\n${line.slice(1)}`
      continue
    }
    const colon = line.indexOf(':')
    if (colon < 1) continue
    field = line.slice(0, colon)
    record[field] = line.slice(colon + 1).trim()
  }
  return field === undefined ? undefined : record
}

/** Package names of a `Depends` field: the first of each alternative, without version and architecture. */
export function dependencyNames(depends: string | undefined): string[] {
  return (depends ?? '').split(',').map((item) => (item.split('|')[0] ?? '').replace(/\(.*\)/, '').replace(/:\w+\s*$/, '').trim()).filter((name) => name !== '')
}

async function newestDate(listsDir: string): Promise<number> {
  let newest = 0
  for (const name of await readdir(listsDir)) {
    if (!name.endsWith('_InRelease') && !name.endsWith('_Release')) continue
    const date = /^Date: (.+)$/m.exec(await readFile(join(listsDir, name), 'utf8'))?.[1]
    if (date !== undefined) newest = Math.max(newest, Math.floor(Date.parse(date) / 1000))
  }
  if (!newest) throw new ForgeError('E_RESOLVE', 'the package index has no date')
  return newest
}
