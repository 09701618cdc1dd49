import type { LockedPackage, RemoteFile } from '../../scripts/domain/remote-file.ts'
import type { PackageRecord, SuiteIndex } from '../../scripts/lib/debian-archive.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import type { ResolveDeps } from '../../scripts/pipeline/stage.ts'

export interface FakeArchive {
  packages?: readonly LockedPackage[]
  records?: Readonly<Record<string, PackageRecord>>
  /** By `name version`. */
  sources?: Readonly<Record<string, RemoteFile[]>>
}

/** What resolving may use, over an archive on paper; everything asked of it is written down. */
export function fakeDeps({ packages = [], records = {}, sources = {} }: FakeArchive, given: Partial<ResolveDeps> = {}): { deps: ResolveDeps; opened: unknown[][]; asked: string[][] } {
  const opened: unknown[][] = []
  const asked: string[][] = []
  const index: SuiteIndex = {
    dateEpoch: 1,
    show: (name) => {
      asked.push(['show', name])
      const record = records[name]
      return record ? Promise.resolve(record) : Promise.reject(new ForgeError('E_RESOLVE', `no package ${name}`))
    },
    exactly: (names) => {
      asked.push(['exactly', ...names])
      return Promise.resolve(names.flatMap((name) => packages.filter((pkg) => pkg.name === name.split('=')[0])))
    },
    closure: (wanted) => {
      asked.push(['closure', ...wanted])
      return Promise.resolve([...packages])
    },
    sourceFiles: (name, version) => Promise.resolve(sources[`${name} ${version}`] ?? []),
  }
  const deps: ResolveDeps = {
    archive: { open: (...words) => { opened.push(words); return Promise.resolve(index) } },
    exec: (argv) => Promise.reject(new Error(`not expected: ${argv.join(' ')}`)),
    fetch: () => Promise.reject(new Error('not expected: a download')),
    take: () => Promise.reject(new Error('not expected: a download')),
    log: silentLog, workDir: '/nonexistent', targetDir: '/nonexistent', ...given,
  }
  return { deps, opened, asked }
}
