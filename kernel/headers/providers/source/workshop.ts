import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runInRoot, type Bind, type RunInRootOptions } from '../../../../scripts/lib/build-root.ts'
import type { Argv, Exec, ExecResult } from '../../../../scripts/lib/exec.ts'
import { installCompilerCache } from './compiler-cache.ts'
import type { SourceKernelPlan } from './plan.ts'

/** The build root with a kernel's folder in it, the same for every step of its build. */
export interface Workshop {
  root: string
  /** The host's folder behind /build/kernel: the sources in `linux`, beside them what the build makes. */
  dir: string
  run: (argv: Argv, options: Pick<RunInRootOptions, 'doing' | 'errorCode' | 'hint' | 'onLine' | 'timeoutMs' | 'cwd'> & { binds?: readonly Bind[] }) => Promise<ExecResult>
}

/** Where the certificate lies that the kernel is built with; part of its configuration, so the same on every host. */
export const certificatePath = '/build/kernel/certificate.pem'
export const tree = '/build/kernel/linux'

/** `ccache` is a folder that several builds may use at once: ccache sees to that. */
export async function openWorkshop(root: string, ccache: string, plan: SourceKernelPlan, { exec, workDir }: { exec: Exec; workDir: string }): Promise<Workshop> {
  const dir = join(workDir, 'kernel')
  await mkdir(join(dir, 'linux'), { recursive: true })
  const env = { ...environment(plan), ...await installCompilerCache(join(dir, 'tools')) }
  return {
    root, dir,
    run: (argv, { binds = [], ...options }) => runInRoot(exec, argv, {
      root, env, cwd: tree, ...options, binds: [{ from: dir, to: '/build/kernel', writable: true }, { from: ccache, to: '/build/ccache', writable: true }, ...binds],
    }),
  }
}

/** Time, names and numbers come from the plan: two builds of it give the same bytes. */
function environment({ buildRoot, kernelPackageVersion }: SourceKernelPlan): Record<string, string> {
  const compiler = buildRoot.packages.filter(({ name }) => /^(gcc|cpp|binutils)(-|$)/.test(name)).map(({ name, version }) => `${name}=${version}`).join(' ')
  return {
    CCACHE_DIR: '/build/ccache', CCACHE_TEMPDIR: '/tmp', CCACHE_MAXSIZE: '2G',
    CCACHE_INODECACHE: '1',
    // The root is read-only and its packages are known: their versions say which compiler it is, better than times do.
    CCACHE_COMPILERCHECK: `string:${compiler}`,
    SOURCE_DATE_EPOCH: String(buildRoot.sourceDateEpoch),
    KBUILD_BUILD_TIMESTAMP: dateText(buildRoot.sourceDateEpoch),
    KBUILD_BUILD_VERSION: '1',
    KDEB_PKGVERSION: kernelPackageVersion, KDEB_CHANGELOG_DIST: buildRoot.suite,
    DEBFULLNAME: 'nat64-forge', DEBEMAIL: 'nat64-forge@localhost',
  }
}

/** `Thu Jan  1 00:00:00 UTC 2026`, as date(1) writes it and `uname -v` shows it. */
export function dateText(epochSeconds: number): string {
  const [, day, date, month, year, time] = /^(\w{3}), (\d\d) (\w{3}) (\d{4}) (\S+) GMT$/.exec(new Date(epochSeconds * 1000).toUTCString()) ?? []
  return `${day ?? ''} ${month ?? ''} ${String(Number(date)).padStart(2)} ${time ?? ''} UTC ${year ?? ''}`
}
