import { access, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { applyPatches, type JoolPatch } from '../compile/patches.ts'
import type { SourceArtifact } from '../source/artifact.ts'
import { runInRoot, type Bind } from '../../scripts/lib/build-root.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Argv } from '../../scripts/lib/exec.ts'
import type { RunDeps, Stored } from '../../scripts/pipeline/stage.ts'

type Deps = RunDeps<{ source: Stored<SourceArtifact> }>

// Of 4.1.13, the part that makes instances is compiled without iptables unless it is told otherwise; the macro means nothing to other releases.
const flags = [
  'CFLAGS=-O2 -g -ffile-prefix-map=/build/tools=. -fstack-protector-strong -Wformat -Werror=format-security',
  'CPPFLAGS=-D_FORTIFY_SOURCE=2 -Wdate-time -DNETFILTER_XTABLES',
  'LDFLAGS=-Wl,-z,relro -Wl,-z,now',
]

/**
 * Jool's userspace programs by its own autotools build, in the same root as the modules, installed into
 * `outDir/tools` and stripped; what they need at run time is read from the result by dpkg-shlibdeps.
 */
export async function compileTools(root: string, patches: readonly JoolPatch[], deps: Deps): Promise<{ dir: 'tools'; depends: string[] }> {
  const { source } = deps.before
  const work = join(deps.workDir, 'tools')
  const installed = join(deps.outDir, 'tools')
  await cp(join(source.dir, source.srcDir), work, { recursive: true, verbatimSymlinks: true })
  await applyPatches(patches, work, { ...deps, root })
  await mkdir(installed, { recursive: true })
  const binds: Bind[] = [{ from: work, to: '/build/tools', writable: true }, { from: installed, to: '/build/installed', writable: true }]
  const inRoot = (doing: string, ...argv: Argv): Promise<string> =>
    runInRoot(deps.exec, argv, { root, binds, cwd: '/build/tools', doing, errorCode: 'E_COMPILE' }).then((result) => result.stdout)

  deps.log.step('compiling Jool\'s tools')
  if (!await exists(join(work, 'configure'))) await inRoot('prepare Jool\'s configure script', 'autoreconf', '--install')
  await inRoot('configure Jool\'s tools', './configure', '--prefix=/usr', '--sysconfdir=/etc', '--libdir=/usr/lib/x86_64-linux-gnu', ...flags)
  await inRoot('compile Jool\'s tools', 'make', `-j${String(deps.jobs)}`)
  await inRoot('install Jool\'s tools', 'make', 'install', 'DESTDIR=/build/installed')

  const objects = await elfFiles(installed)
  if (objects.length === 0) throw new ForgeError('E_COMPILE', 'the build of Jool\'s tools installed no program', { hint: 'read logs/modules.log' })
  const inside = objects.map((path) => join('/build/installed', path))
  await inRoot('strip Jool\'s tools', 'strip', '--strip-unneeded', ...inside)
  await mkdir(join(work, 'debian'), { recursive: true })
  await writeFile(join(work, 'debian/control'), 'Source: jool\n\nPackage: jool-tools\nArchitecture: any\n')
  const depends = /^shlibs:Depends=(.*)$/m.exec(await inRoot('find the libraries that Jool\'s tools need', 'dpkg-shlibdeps', '-O', ...inside.map((path) => `-e${path}`)))?.[1]
  return { dir: 'tools', depends: (depends ?? '').split(',').map((item) => item.trim()).filter((item) => item !== '') }
}

/** Programs and plug-ins, relative; libtool's archives are removed on the way, nothing at run time reads them. */
async function elfFiles(dir: string): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    if (entry.name.endsWith('.la')) await rm(path)
    else if (/\/(s?bin|lib|lib\/.*)$/.test(entry.parentPath) && !/\.(a|sh|service|conf)$/.test(entry.name)) found.push(path.slice(dir.length + 1))
  }
  return found.sort()
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false)
}
