import { copyFile, link, mkdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Architecture } from '../domain/architecture.ts'
import type { LockedPackage, RemoteFile } from '../domain/remote-file.ts'
import type { Suite } from '../domain/suite.ts'
import { ForgeError } from './errors.ts'
import type { Argv, Exec, ExecResult } from './exec.ts'
import type { HostTool } from './host-tools.ts'

/** What a build root is made from; equal recipes give one shared root. */
export interface BuildRootRecipe {
  suite: Suite
  architecture: Architecture
  sourceDateEpoch: number
  packages: readonly LockedPackage[]
}

export const buildRootTools: readonly HostTool[] = [
  { command: 'mmdebstrap', package: 'mmdebstrap', why: 'makes the build root and the router\'s root file system' },
  { command: 'apt-ftparchive', package: 'apt-utils', why: 'makes apt repositories' },
  { command: 'bwrap', package: 'bubblewrap', why: 'runs compilers in the build root, without network' },
  { command: '/usr/share/keyrings/debian-archive-keyring.gpg', package: 'debian-archive-keyring', why: 'verifies Debian\'s archive' },
]

export interface RootDeps {
  exec: Exec
  workDir: string
  fetch: (files: readonly RemoteFile[]) => Promise<string[]>
}

/** A flat apt repository over exactly these packages, from the verified downloads, and over the `.deb` files `more`. */
export async function localPool(packages: readonly LockedPackage[], dir: string, { exec, fetch }: RootDeps, more: readonly string[] = []): Promise<string> {
  await mkdir(dir, { recursive: true })
  const paths = await fetch(packages.map((pkg) => pkg.file))
  for (const [index, pkg] of packages.entries()) {
    const path = paths[index]
    if (path === undefined) throw new ForgeError('E_BUG', `no local copy of ${pkg.file.fileName}`)
    await link(path, join(dir, pkg.file.fileName)).catch(() => copyFile(path, join(dir, pkg.file.fileName)))
  }
  for (const path of more) await copyFile(path, join(dir, basename(path)))
  await exec(['apt-ftparchive', 'packages', '.'], { cwd: dir, stdoutFile: join(dir, 'Packages'), doing: 'index the downloaded packages' })
  return dir
}

/** Options of mmdebstrap that a root from a local pool needs, whatever it is for. */
export function mmdebstrapOptions(sourceDateEpoch: number): { argv: string[]; env: Record<string, string> } {
  return {
    argv: [
      '--variant=custom', '--mode=root', '--format=directory',
      '--aptopt=APT::Sandbox::User "root"', '--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"',
      // The root is thrown away unless all of it succeeds, so dpkg need not sync each file.
      '--dpkgopt=force-unsafe-io',
    ],
    // Its hooks and filters are for Debian's own interpreters, whatever others come first in the user's PATH: a filter runs for every package.
    env: { SOURCE_DATE_EPOCH: String(sourceDateEpoch), PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  }
}

/** Makes the root in `dir`. @throws ForgeError E_NOT_ROOT, E_COMMAND */
export async function makeBuildRoot(recipe: BuildRootRecipe, dir: string, deps: RootDeps): Promise<void> {
  requireRoot('make a build root')
  const pool = await localPool(recipe.packages, join(deps.workDir, 'build-root-pool'), deps)
  const { argv, env } = mmdebstrapOptions(recipe.sourceDateEpoch)
  await deps.exec(['mmdebstrap', ...argv,
    '--dpkgopt=path-exclude=/usr/share/doc/*', '--dpkgopt=path-exclude=/usr/share/man/*', '--dpkgopt=path-exclude=/usr/share/locale/*',
    `--include=${recipe.packages.map((pkg) => pkg.name).join(',')}`,
    recipe.suite, dir, `deb [trusted=yes] copy:${pool} ./`,
  ] as unknown as Argv, { env, contained: true, doing: 'make the build root', timeoutMs: 20 * 60_000 })
  await mkdir(join(dir, 'build'), { recursive: true })
}

/** Root file systems need device nodes and foreign owners. @throws ForgeError E_NOT_ROOT */
export function requireRoot(doing: string): void {
  if (process.getuid?.() !== 0) {
    throw new ForgeError('E_NOT_ROOT', `only root can ${doing}`, { hint: 'run the same command as root or with sudo' })
  }
}

export interface Bind {
  /** A host folder. */
  from: string
  /** Where it appears in the root; must exist there, or lie below /usr/src or /build. */
  to: string
  writable?: boolean
}

export interface RunInRootOptions {
  root: string
  binds: readonly Bind[]
  cwd?: string
  env?: Readonly<Record<string, string>>
  /** A file that exists in this program's own memory only (a private key): through a pipe, never on a disk or in an argument. */
  secret?: { text: string; to: string }
  doing: string
  errorCode?: 'E_COMPILE' | 'E_COMMAND' | 'E_PATCH' | 'E_KCONFIG' | 'E_ARCHIVE'
  timeoutMs?: number
  onLine?: (line: string) => void
  hint?: string
  /** A failure is one of the answers the caller expects: no debug shell for it. */
  tolerated?: boolean
}

/** argv that enters the root: read-only, no network, no host processes, the same paths on every host. */
export function inRootArgv(argv: Argv, { root, binds, cwd = '/build', env = {}, secret }: Pick<RunInRootOptions, 'root' | 'binds' | 'cwd' | 'env' | 'secret'>): Argv {
  const variables = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/build', LC_ALL: 'C.UTF-8', TZ: 'UTC', KBUILD_BUILD_USER: 'nat64-forge', KBUILD_BUILD_HOST: 'nat64-forge', ...env }
  return [
    'bwrap', '--unshare-all', '--die-with-parent', '--hostname', 'nat64-forge', '--clearenv',
    ...Object.entries(variables).flatMap(([name, value]) => ['--setenv', name, value]),
    '--ro-bind', root, '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp', '--tmpfs', '/usr/src', '--tmpfs', '/build',
    ...binds.flatMap(({ from, to, writable }) => [writable === true ? '--bind' : '--ro-bind', from, to]),
    ...(secret === undefined ? [] : ['--ro-bind-data', '0', secret.to]),
    '--chdir', cwd, '--', ...argv,
  ]
}

/** Runs a program in the build root. @throws ForgeError with the compiler's last words */
export function runInRoot(exec: Exec, argv: Argv, options: RunInRootOptions): Promise<ExecResult> {
  return exec(inRootArgv(argv, options), {
    doing: options.doing,
    ...(options.secret === undefined ? {} : { input: options.secret.text }),
    ...(options.errorCode === undefined ? {} : { errorCode: options.errorCode }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
    ...(options.hint === undefined ? {} : { hint: options.hint }),
    ...(options.tolerated === undefined ? {} : { tolerated: options.tolerated }),
  })
}
