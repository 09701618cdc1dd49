import { appendFile, chmod, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { CatalogueRow } from '../../kernel/catalogue/row.ts'
import type { HeadersArtifact } from '../../kernel/headers/artifact.ts'
import type { ModulesArtifact } from '../../kernel/modules/artifact.ts'
import { applyPatches, patchesFor } from '../../kernel/compile/patches.ts'
import { joolVersion } from '../../scripts/domain/jool-version.ts'
import { kernelRelease } from '../../scripts/domain/kernel-release.ts'
import { runInRoot } from '../../scripts/lib/build-root.ts'
import { canonicalJson, sha256File, sha256Of } from '../../scripts/lib/digest.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { extractDeb } from '../../scripts/lib/extract-deb.ts'
import { headersLimits } from '../../scripts/lib/extract.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { prepare, type Prepared } from '../../scripts/pipeline/prepare.ts'
import { runStages, type StageResult } from '../../scripts/pipeline/run.ts'
import { Session } from '../../scripts/pipeline/session.ts'
import { stages as allStages } from '../../scripts/pipeline/stages.ts'
import { loadTarget } from '../../scripts/pipeline/target.ts'
import { flatTree, headersDeb, imageDeb, withOtherCrc } from '../support/bindeb-packages.ts'
import { isoImage } from '../support/iso-image.ts'
import { rejection } from '../support/rejection.ts'
import { testStore } from '../support/test-store.ts'
import { needsTools } from '../support/tools.ts'

const tools = needsTools('mmdebstrap', 'bwrap', 'apt-ftparchive', 'dpkg-deb', 'xz', 'zstd', 'mksquashfs') && process.getuid?.() === 0
// An image of these kernels is not this file's matter, and resolving one takes its time.
const stages = allStages.slice(0, 3)
const exec = createExec({ log: silentLog })
const release = '6.1.99-forge-vyos'
const shipped = ['net/ipv4/netfilter/nf_defrag_ipv4.ko', 'net/ipv6/netfilter/nf_defrag_ipv6.ko', 'net/netfilter/nf_conntrack.ko']

/** Lines of kernels beside those of the catalogue. */
const moreLines = vi.hoisted((): CatalogueRow[] => [])
vi.mock(import('../../kernel/catalogue/catalogue.ts'), async (original) => {
  const real = await original()
  return { ...real, readCatalogue: async () => [...await real.readCatalogue(), ...moreLines] }
})

// Debian's own 6.1 tree and modules stand for a kernel of somebody's: under another release, packed as `make bindeb-pkg` packs.
describe.skipIf(!tools)('a kernel build tree', () => {
  let dir = ''
  let session: Session
  let tree = ''
  let deb = ''
  let debianRelease = ''

  beforeAll(async () => {
    dir = await mkdtemp(join(await realpath(tmpdir()), 'nat64-forge-headers-'))
    await cp('test/fixtures/jool-fixture', join(dir, 'jool'), { recursive: true })
    await withoutAutotools(join(dir, 'jool'))
    session = await Session.open({
      storeDir: await testStore(), outDir: join(dir, 'out'), projectDir: process.cwd(), mirrors: {}, offline: false, keepWorkdir: false, jobs: 2,
      signal: new AbortController().signal, emit: () => undefined,
    })
    const headers = (await build('debian', '  provider: debian\n', 'headers')).at(-1)
    debianRelease = (headers?.artifact as HeadersArtifact).release
    tree = join(dir, 'linux')
    await flatTree({ src: join(headers?.dir ?? '', 'src'), release: debianRelease }, tree, release, exec)
    deb = await headersDeb(tree, dir, { release, version: '6.1.99-1', compression: 'zstd' }, exec)
    const [image] = await session.fetch(await (await session.archive.open('bookworm', 'amd64')).exactly([`linux-image-${debianRelease}`]).then((found) => found.map(({ file }) => file)))
    await extractDeb(image ?? '', join(dir, 'debian-image'), { exec, workDir: join(dir, 'scratch') }, { limits: headersLimits, only: (path) => shipped.some((name) => path.endsWith(name)) })
  })

  /** Programs that are no matter of this file, with a build of a second instead of half a minute. */
  async function withoutAutotools(sources: string): Promise<void> {
    await writeFile(join(sources, 'configure'), '#!/bin/sh\n', { mode: 0o755 })
    await writeFile(join(sources, 'GNUmakefile'), 'all:\n\techo "int main(void) { return 0; }" | gcc -x c -o jool -\ninstall:\n\tinstall -D jool $(DESTDIR)/usr/bin/jool\n')
  }

  afterAll(async () => {
    await session[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  })

  const module = (name: string): string => join(dir, 'debian-image/lib/modules', debianRelease, 'kernel', name)

  async function prepared(name: string, headers: string): Promise<Prepared> {
    const file = join(dir, `${name}.yaml`)
    await writeFile(file, `target: ${name}\nsuite: bookworm\nsource:\n  provider: directory\n  path: jool\nheaders:\n${headers}`)
    return prepare(await loadTarget(file, stages), { update: false }, stages, session)
  }

  async function build(name: string, headers: string, until: 'headers' | 'modules' = 'modules'): Promise<StageResult[]> {
    return runStages(await prepared(name, headers), { until }, stages, session)
  }

  /** As much of a tree as is read before anything is compiled. */
  async function bareTree(change: (tree: string) => Promise<void> = () => Promise.resolve()): Promise<string> {
    const copy = await mkdtemp(join(dir, 'tree-'))
    for (const path of ['.config', 'Module.symvers', 'include/generated/utsrelease.h', 'scripts/mod/modpost']) {
      await mkdir(dirname(join(copy, path)), { recursive: true })
      await cp(join(tree, path), join(copy, path))
    }
    await change(copy)
    return copy
  }

  const bareDeb = async (change: (tree: string) => Promise<void>): Promise<string> => headersDeb(await bareTree(change), await mkdtemp(join(dir, 'deb-')), { release }, exec)

  /** The one that the modules of the tests before were compiled in. */
  async function buildRoot(): Promise<string> {
    const { buildRoot: recipe } = (await prepared('by-path', packages())).plans['modules'] as { buildRoot: unknown }
    return (await session.store.obtain('build-root', sha256Of(canonicalJson(recipe)), () => Promise.reject(new Error('no test before this one made it')))).dir
  }

  const packages = (more = ''): string => `  provider: packages\n  headers: ${deb}\n${more}`

  async function expectModules(results: StageResult[], expected: object): Promise<void> {
    const modules = results.at(-1)
    expect(modules?.artifact).toMatchObject({ release, vermagic: expect.stringMatching(`^${release} SMP `), ...expected })
    for (const { file } of (modules?.artifact as ModulesArtifact).modules) expect((await stat(join(modules?.dir ?? '', file))).size).toBeGreaterThan(1000)
  }

  describe('from packages', () => {
    test('of `make bindeb-pkg` is used where it is, by path or by URL, whatever its members are compressed with', async () => {
      const lock = await prepared('by-path', packages())
      expect(lock.lock.stages.headers).toMatchObject({ provider: 'packages', release, buildDepends: ['gcc-12', 'libelf1'], cc: 'gcc-12', headers: [{ name: `linux-headers-${release}`, version: '6.1.99-1', architecture: 'amd64' }] })
      const byPath = await build('by-path', packages())
      await expectModules(byPath, {})
      expect(byPath[1]?.artifact).toMatchObject({ provider: 'packages', release, buildTree: `/usr/src/linux-headers-${release}`, cc: 'gcc-12', modversions: true })

      for (const compression of ['xz', 'gzip'] as const) {
        const other = join(dir, compression)
        await mkdir(other)
        const path = await headersDeb(await bareTree(), other, { release, version: '6.1.99-1', compression }, exec)
        const url = `  provider: packages\n  headers:\n    url: ${pathToFileURL(path).href}\n    sizeBytes: ${String((await stat(path)).size)}\n    sha256: ${await sha256File(path)}\n`
        expect((await prepared(`by-url-${compression}`, url)).lock.stages.headers).toMatchObject({ release, cc: 'gcc-12', headers: [{ version: '6.1.99-1', file: { from: { url: pathToFileURL(path).href } } }] })
      }
    })

    test('is compared with the modules in its linux-image package, plain or compressed by xz and zstd', async () => {
      const to = join(dir, 'image')
      await mkdir(to)
      const modules: Record<string, string> = {}
      for (const [at, name] of shipped.entries()) {
        const plain = join(to, name.split('/').at(-1) ?? '')
        await cp(module(name), plain)
        if (at === 1) await exec(['xz', plain])
        if (at === 2) await exec(['zstd', '--quiet', '--rm', plain])
        modules[`kernel/${name}${['', '.xz', '.zst'][at] ?? ''}`] = `${plain}${['', '.xz', '.zst'][at] ?? ''}`
      }
      const image = await imageDeb({ config: await readFile(join(tree, '.config'), 'utf8'), modules }, to, { release, version: '6.1.99-1' }, exec)
      const results = await build('image', packages(`  image: ${image}\n`))
      await expectModules(results, { imageCrcsChecked: expect.toSatisfy((count: number) => count > 0) })
      const { imageCrcs, kernelPackages } = results[1]?.artifact as HeadersArtifact
      expect(imageCrcs?.image).toBe(`linux-image-${release}_6.1.99-1_amd64.deb`)
      const seen = Object.values(JSON.parse(await readFile(join(results[1]?.dir ?? '', imageCrcs?.file ?? ''), 'utf8')) as Record<string, [number, string]>).map(([, where]) => where)
      for (const path of Object.keys(modules)) expect(seen).toContain(`lib/modules/${release}/${path}`)
      expect(kernelPackages).toEqual([{ name: `linux-image-${release}`, version: '6.1.99-1', file: `kernel/linux-image-${release}_6.1.99-1_amd64.deb` }])
    })
  })

  describe('of another kernel is refused:', () => {
    test('the packages\' release is not the one that the target wants', async () => {
      expect(await rejection(prepared('other-release', packages('  release: 6.1.100-forge-vyos\n')))).toMatchObject({ code: 'E_HEADERS_RELEASE', message: `linux-headers-${release}_6.1.99-1_amd64.deb is for ${release}, the target wants 6.1.100-forge-vyos`, exitStatus: 65 })
    })

    test('the image package is of another release', async () => {
      const image = await imageDeb({ config: await readFile(join(tree, '.config'), 'utf8'), modules: { 'kernel/nf_conntrack.ko': module(shipped[2] ?? '') } }, dir, { release: '6.1.98-forge-vyos' }, exec)
      expect(await rejection(build('other-image', packages(`  image: ${image}\n`), 'headers'))).toMatchObject({ code: 'E_HEADERS_RELEASE', message: `the headers are for ${release}, linux-image-6.1.98-forge-vyos_1-1_amd64.deb has 6.1.98-forge-vyos` })
    })

    test('the image has another configuration', async () => {
      const config = (await readFile(join(tree, '.config'), 'utf8')).replace('CONFIG_HZ=250', 'CONFIG_HZ=1000')
      const to = join(dir, 'other-config')
      await mkdir(to)
      const image = await imageDeb({ config, modules: {} }, to, { release }, exec)
      expect(await rejection(build('other-config', packages(`  image: ${image}\n`), 'headers'))).toMatchObject({ code: 'E_HEADERS_ABI', message: `the headers' configuration is not that of the kernel in linux-image-${release}_1-1_amd64.deb: CONFIG_HZ: headers 250, image 1000`, exitStatus: 65 })
    })

    test('same release, same configuration, but one symbol of the image\'s modules has another CRC', async () => {
      const to = join(dir, 'other-abi')
      await mkdir(to)
      await withOtherCrc(module(shipped[2] ?? ''), join(to, 'nf_conntrack.ko'), 'nf_register_net_hooks')
      const image = await imageDeb({ config: await readFile(join(tree, '.config'), 'utf8'), modules: { 'kernel/nf_conntrack.ko': join(to, 'nf_conntrack.ko') } }, to, { release }, exec)
      expect(await rejection(build('other-abi', packages(`  image: ${image}\n`), 'headers'))).toMatchObject({
        code: 'E_HEADERS_ABI', exitStatus: 65,
        message: expect.stringMatching(/^the headers are of another build than the kernel in linux-image-.*: nf_register_net_hooks is 0x[0-9a-f]{8} in the headers' Module\.symvers \(vmlinux\), and 0x[0-9a-f]{8} in .*nf_conntrack\.ko$/),
      })
    })

    /** A part of a kernel, and a module that was built with it: what genksyms makes of a structure is in both. */
    async function kernelPart(structure: string): Promise<{ symvers: string; user: string }> {
      const usrSrc = join((await build('by-path', packages(), 'headers'))[1]?.dir ?? '', 'src')
      const work = await mkdtemp(join(dir, 'part-'))
      await writeFile(join(work, 'Kbuild'), 'obj-m += forge_state.o forge_user.o\n')
      await writeFile(join(work, 'state.h'), `${structure}\nint forge_take(struct forge_state *state);\n`)
      await writeFile(join(work, 'forge_state.c'), '#include <linux/module.h>\n#include "state.h"\nint forge_take(struct forge_state *state) { return ++state->users; }\nEXPORT_SYMBOL_GPL(forge_take);\nMODULE_LICENSE("GPL");\n')
      await writeFile(join(work, 'forge_user.c'), '#include <linux/module.h>\n#include "state.h"\nstatic struct forge_state state;\nstatic int __init start(void) { return forge_take(&state); }\nmodule_init(start);\nMODULE_LICENSE("GPL");\n')
      await runInRoot(exec, ['make', '-C', `/usr/src/linux-headers-${release}`, 'M=/build/part', 'CC=gcc-12', 'CONFIG_DEBUG_INFO_BTF_MODULES=', 'modules'], {
        root: await buildRoot(), binds: [{ from: usrSrc, to: '/usr/src' }, { from: work, to: '/build/part', writable: true }], doing: 'build a part of a kernel',
      })
      return { symvers: (await readFile(join(work, 'Module.symvers'), 'utf8')).replaceAll('/build/part/', 'kernel/'), user: join(work, 'forge_user.ko') }
    }

    test('a kernel rebuilt under the same release with the same configuration, in which one structure grew', async () => {
      const [one, other] = [await kernelPart('struct forge_state { int users; };'), await kernelPart('struct forge_state { int users; long since; };')]
      const [crc, otherCrc] = [one, other].map(({ symvers }) => /^(0x[0-9a-f]{8})\tforge_take\t/m.exec(symvers)?.[1])
      const headers = await bareDeb(async (copy) => { await appendFile(join(copy, 'Module.symvers'), one.symvers) })
      const image = async (user: string): Promise<string> => imageDeb({ config: await readFile(join(tree, '.config'), 'utf8'), modules: { 'kernel/forge_user.ko': user } }, await mkdtemp(join(dir, 'deb-')), { release }, exec)
      const target = (path: string): string => `  provider: packages\n  headers: ${headers}\n  image: ${path}\n`
      const [same] = (await build('same-build', target(await image(one.user)), 'headers')).slice(-1)
      expect((same?.artifact as HeadersArtifact).imageCrcs?.symbols).toBeGreaterThan(0)
      expect(await rejection(build('rebuilt', target(await image(other.user)), 'headers'))).toMatchObject({
        code: 'E_HEADERS_ABI', exitStatus: 65,
        message: `the headers are of another build than the kernel in linux-image-${release}_1-1_amd64.deb: forge_take is ${crc ?? ''} in the headers' Module.symvers (kernel/forge_state), and ${otherCrc ?? ''} in lib/modules/${release}/kernel/forge_user.ko`,
      })
      expect(crc).not.toBe(otherCrc)
    })

    test('it is for another architecture', async () => {
      const to = join(dir, 'arm64')
      await mkdir(to)
      const path = await headersDeb(join(tree, 'include/config'), to, { release, architecture: 'arm64' }, exec)
      expect(await rejection(prepared('arm64', `  provider: packages\n  headers: ${path}\n`))).toMatchObject({ code: 'E_HEADERS_ARCHITECTURE', message: `linux-headers-${release}_1-1_arm64.deb is for arm64, the target is amd64`, exitStatus: 65 })
    })
  })

  describe('that cannot be used is refused:', () => {
    test('its programs run on another machine', async () => {
      const path = await bareDeb(async (copy) => {
        const modpost = await readFile(join(copy, 'scripts/mod/modpost'))
        modpost.writeUInt16LE(183, 18)
        await writeFile(join(copy, 'scripts/mod/modpost'), modpost)
      })
      expect(await rejection(prepared('cross', `  provider: packages\n  headers: ${path}\n`))).toMatchObject({ code: 'E_HEADERS_ARCHITECTURE', message: 'the build tree\'s scripts/mod/modpost was built to run on arm64, not on amd64' })
    })

    test('the kernel is configured without modules', async () => {
      const path = await bareDeb(async (copy) => {
        await writeFile(join(copy, '.config'), (await readFile(join(copy, '.config'), 'utf8')).replace('CONFIG_MODULES=y', '# CONFIG_MODULES is not set'))
      })
      expect(await rejection(prepared('no-modules', `  provider: packages\n  headers: ${path}\n`))).toMatchObject({ code: 'E_NO_MODULES', exitStatus: 65 })
    })

    test('it was never built', async () => {
      const path = await bareDeb((copy) => rm(join(copy, 'scripts/mod/modpost')))
      expect(await rejection(prepared('bare', `  provider: packages\n  headers: ${path}\n`))).toMatchObject({ code: 'E_KERNEL', message: 'the kernel\'s build tree has no scripts/mod/modpost' })
    })

    test('the package is cut off', async () => {
      const path = join(dir, 'cut.deb')
      await cp(deb, path)
      await truncate(path, Math.floor((await stat(path)).size / 2))
      expect(await rejection(prepared('cut', `  provider: packages\n  headers: ${path}\n`))).toMatchObject({ code: 'E_DEB', exitStatus: 65, hint: 'the package is damaged; get it again' })
    })

    test('the file is no package, or is not there', async () => {
      await writeFile(join(dir, 'text.deb'), 'not a package\n')
      expect(await rejection(prepared('text', '  provider: packages\n  headers: text.deb\n'))).toMatchObject({ code: 'E_DEB', message: 'could not read text.deb: exit status 2' })
      await cp(join(dir, 'text.deb'), join(dir, 'my package.deb'))
      expect(await rejection(prepared('blank', '  provider: packages\n  headers: my package.deb\n'))).toMatchObject({ code: 'E_DEB', message: `${join(dir, 'my package.deb')} has blanks or signs in its name that no package's has` })
      expect(await rejection(prepared('gone', '  provider: packages\n  headers: gone.deb\n'))).toMatchObject({ code: 'E_DEB', message: expect.stringContaining(`${join(dir, 'gone.deb')} cannot be read`) })
    })

    test('what comes from the URL is not what was promised', async () => {
      expect(await rejection(prepared('wrong-digest', `  provider: packages\n  headers:\n    url: ${pathToFileURL(deb).href}\n    sizeBytes: ${String((await stat(deb)).size)}\n    sha256: ${'ab'.repeat(32)}\n`))).toMatchObject({ code: 'E_DIGEST' })
    })

    test('the package has no build tree', async () => {
      const to = await mkdtemp(join(dir, 'deb-'))
      const image = await imageDeb({ config: 'x', modules: {} }, to, { release }, exec)
      expect(await rejection(prepared('no-tree', `  provider: packages\n  headers: ${image}\n`))).toMatchObject({ code: 'E_KERNEL', message: expect.stringContaining('should hold one kernel\'s build tree in /usr/src, it holds none') })
    })
  })

  describe('where a kernel was built', () => {
    const target = (more = ''): string => `  provider: tree\n  path: linux\n${more}`

    let byTree: StageResult[] = []
    test('is used without a byte being written into it', async () => {
      await mkdir(join(tree, 'certs'))
      await writeFile(join(tree, 'certs/signing_key.pem'), 'private\n')
      const before = (await exec(['find', tree, '-printf', '%P %s %T@ %C@\n'])).stdout
      await mkdir(join(dir, 'linux/debian'))
      await writeFile(join(dir, 'linux/debian/changelog'), 'linux-upstream (6.1.99-3) bookworm; urgency=low\n')
      byTree = await build('tree', target())
      await rm(join(dir, 'linux/debian'), { recursive: true })
      await expectModules(byTree, {})
      expect(byTree[1]?.artifact).toMatchObject({ provider: 'tree', release, buildTree: `/usr/src/linux-headers-${release}` })
      const after = (await exec(['find', tree, '-printf', '%P %s %T@ %C@\n'])).stdout
      // The test's own folder came and went.
      const withoutTop = (text: string): string => text.split('\n').filter((line) => !line.startsWith(' ')).join('\n')
      expect(withoutTop(after)).toBe(withoutTop(before))
      expect((await prepared('tree-2', target())).lock.stages.headers).not.toHaveProperty('packageVersion')
      expect((await prepared('tree-3', target('  packageVersion: 6.1.99-1\n'))).lock.stages.headers).toHaveProperty('packageVersion', '6.1.99-1')
    })

    test('gives the same modules as the packages of the same build, and takes nothing private along', async () => {
      const byPackages = await build('by-path', packages())
      const digests = (results: StageResult[]): string[] => (results.at(-1)?.artifact as ModulesArtifact).modules.map(({ sha256 }) => sha256)
      expect(digests(byTree)).toEqual(digests(byPackages))
      expect(await readdir(join(byTree[1]?.dir ?? '', 'src', `linux-headers-${release}`))).not.toContain('certs')
      await rm(join(tree, 'certs'), { recursive: true })
    })

    test('is noticed when it was built anew', async () => {
      const copy = join(dir, 'moving')
      await exec(['cp', '-a', tree, copy])
      // Its own, so that the store has no copy of it from another test.
      await writeFile(join(copy, 'include/generated/autoconf.h'), `/* ${dir} */\n`)
      const first = await prepared('moving', '  provider: tree\n  path: moving\n')
      await writeFile(join(copy, 'include/generated/autoconf.h'), '/* another configuration */\n')
      expect(await rejection(runStages(first, { until: 'headers' }, stages, session))).toMatchObject({ code: 'E_LOCK_STALE' })
      expect((await prepared('moving', '  provider: tree\n  path: moving\n')).lock.stages.headers).not.toEqual(first.lock.stages.headers)
      await rm(copy, { recursive: true })
    })

    test('is refused when it is of another release, or was not built', async () => {
      expect(await rejection(prepared('tree-release', target('  release: 6.1.1-vyos\n')))).toMatchObject({ code: 'E_HEADERS_RELEASE', message: `the kernel tree ${tree} is for ${release}, the target wants 6.1.1-vyos` })
      expect(await rejection(prepared('tree-none', '  provider: tree\n  path: jool\n'))).toMatchObject({ code: 'E_KERNEL', message: expect.stringContaining('is not a built kernel tree: it has no .config, Module.symvers, Makefile') })
    })
  })

  describe('in the build root, patches to Jool', () => {
    const patch = (from: string, to: string): string => `--- a/src/mod/nat64/Kbuild\n+++ b/src/mod/nat64/Kbuild\n@@ -1 +1 @@\n-${from}\n+${to}\n`

    async function apply(patches: Readonly<Record<string, string>>): Promise<string> {
      const root = await buildRoot()
      const [work, series] = [await mkdtemp(join(dir, 'work-')), await mkdtemp(join(dir, 'series-'))]
      await mkdir(join(work, 'jool/src/mod/nat64'), { recursive: true })
      await writeFile(join(work, 'jool/src/mod/nat64/Kbuild'), 'one\n')
      await mkdir(join(series, '4.1.13'))
      for (const [name, text] of Object.entries(patches)) await writeFile(join(series, '4.1.13', name), text)
      await writeFile(join(series, '4.1.13/series'), Object.keys(patches).map((name) => `${name} >=6.0.0\n`).join(''))
      const listed = await patchesFor({ version: joolVersion('4.1.13'), released: true }, kernelRelease(release), series)
      await applyPatches(listed, join(work, 'jool'), { root, exec, workDir: work, dir: series })
      return readFile(join(work, 'jool/src/mod/nat64/Kbuild'), 'utf8')
    }

    test('are applied in their order', async () => {
      expect(await apply({ 'z.patch': patch('one', 'two'), 'a.patch': patch('two', 'three') })).toBe('three\n')
    })

    test('are named when one no longer applies', async () => {
      expect(await rejection(apply({ 'first.patch': patch('one', 'two'), 'old.patch': patch('one', 'three') }))).toMatchObject({
        code: 'E_PATCH', exitStatus: 65, message: 'could not apply the patch 4.1.13/old.patch to Jool: exit status 1', hint: expect.stringContaining('kernel/patches/4.1.13/old.patch'),
      })
    })
  })

  describe('for a router\'s image', () => {
    let image = ''
    beforeAll(async () => {
      const root = join(dir, 'router')
      for (const folder of ['etc', 'boot', 'var/lib/dpkg', `lib/modules/${release}/kernel`]) await mkdir(join(root, folder), { recursive: true })
      await writeFile(join(root, 'etc/os-release'), 'ID=vyos\n')
      await writeFile(join(root, 'boot', `config-${release}`), await readFile(join(tree, '.config')))
      await writeFile(join(root, 'var/lib/dpkg/status'), `Package: linux-image-${release}\nStatus: install ok installed\nVersion: 6.1.99-7\nArchitecture: amd64\n`)
      for (const name of shipped) await cp(module(name), join(root, 'lib/modules', release, 'kernel', name.split('/').at(-1) ?? ''))
      await chmod(root, 0o755)
      image = join(dir, 'router.squashfs')
      await exec(['mksquashfs', root, image, '-quiet', '-no-progress', '-comp', 'gzip'])
    })

    test('is taken from packages and compared with what the image has', async () => {
      const results = await build('iso', `  provider: iso\n  iso: router.squashfs\n  headers: ${deb}\n`)
      await expectModules(results, { imageCrcsChecked: expect.toSatisfy((count: number) => count > 0) })
      expect(results[1]?.artifact).toMatchObject({ provider: 'iso', release, imageCrcs: { image: 'router.squashfs' } })
      expect((await prepared('iso', `  provider: iso\n  iso: router.squashfs\n  headers: ${deb}\n`)).lock.stages.headers).toMatchObject({ imageVersion: '6.1.99-7', iso: { name: 'router.squashfs' } })
    })

    test('that has the kernel force signatures, modules without a key are refused before they are compiled', async () => {
      await writeFile(join(dir, 'forcing.iso'), isoImage({ files: { 'root.squashfs': await readFile(image), 'isolinux.cfg': Buffer.from('label live\n  linux /vmlinuz\n  append boot=live module.sig-enforce=1\n') } }))
      const target = `  provider: iso\n  iso: forcing.iso\n  headers: ${deb}\n`
      expect((await build('iso-forcing', target, 'headers')).at(-1)?.artifact).toMatchObject({ signing: 'forced' })
      // Known already from the lock, so that nothing runs.
      expect((await prepared('iso-forcing', target)).plans['modules']).toMatchObject({ unsigned: true })
      expect(await rejection(build('iso-forcing', target))).toMatchObject({ code: 'E_UNSIGNED', message: `the kernel ${release} loads only modules that its own key signed, and no key is given` })
    })

    test('is refused when it is of another release', async () => {
      const other = await bareTree((copy) => writeFile(join(copy, 'include/generated/utsrelease.h'), '#define UTS_RELEASE "6.1.98-forge-vyos"\n'))
      const path = await headersDeb(other, await mkdtemp(join(dir, 'deb-')), { release: '6.1.98-forge-vyos' }, exec)
      expect(await rejection(prepared('iso-release', `  provider: iso\n  iso: router.squashfs\n  headers: ${path}\n`))).toMatchObject({ code: 'E_HEADERS_RELEASE', message: `linux-headers-6.1.98-forge-vyos_1-1_amd64.deb is for 6.1.98-forge-vyos, router.squashfs runs ${release}` })
    })

    test('is asked for when the catalogue does not know where it is', async () => {
      expect(await rejection(prepared('iso-no-row', '  provider: iso\n  iso: router.squashfs\n'))).toMatchObject({ code: 'E_CATALOGUE', message: `the kernel ${release} belongs to no line in the catalogue`, hint: expect.stringContaining('kernel/catalogue/NAME.yaml') })
    })

    test('is fetched from where the catalogue says, and its digest is in the lock', async () => {
      const published = join(dir, `linux-headers-${release}_6.1.99-7_amd64.deb`)
      await cp(deb, published)
      moreLines.push({
        name: 'forge', title: 'a line of this test', kernels: '^6\\.1\\.\\d+-forge-vyos$', base: 'bookworm', suite: 'bookworm', jool: '4.1.13', backports: false, signing: 'any', verified: 'no', needs: 'nothing', failures: [],
        headers: { from: 'build', url: `${pathToFileURL(dir).href}/linux-headers-{release}_{version}_amd64.deb` },
      })
      try {
        const { lock } = await prepared('iso-catalogue', '  provider: iso\n  iso: router.squashfs\n')
        expect(lock.stages.headers).toMatchObject({
          release, headers: [{ file: { fileName: `linux-headers-${release}_6.1.99-7_amd64.deb`, sha256: await sha256File(published), sizeBytes: (await stat(published)).size, from: { url: pathToFileURL(published).href } } }],
        })
      } finally {
        moreLines.pop()
      }
    })

    test('is refused when it is of the same release and of another build', async () => {
      const symbol = 'nf_register_net_hooks'
      const path = await bareDeb(async (copy) => {
        const symvers = await readFile(join(copy, 'Module.symvers'), 'utf8')
        await writeFile(join(copy, 'Module.symvers'), symvers.replace(new RegExp(`^0x[0-9a-f]{8}(?=\t${symbol}\t)`, 'm'), '0x00c0ffee'))
      })
      expect(await rejection(build('iso-abi', `  provider: iso\n  iso: router.squashfs\n  headers: ${path}\n`, 'headers'))).toMatchObject({
        code: 'E_HEADERS_ABI', exitStatus: 65, message: expect.stringMatching(`^the headers are of another build than the kernel in router\\.squashfs: ${symbol} is 0x00c0ffee in the headers' Module\\.symvers \\(.*\\), and 0x[0-9a-f]{8} in lib/modules/${release}/kernel/`),
      })
    })

    test('is refused when the image changed after it was locked', async () => {
      await writeFile(join(dir, 'changing.squashfs'), Buffer.concat([await readFile(image), Buffer.from(dir)]))
      const first = await prepared('iso-changing', `  provider: iso\n  iso: changing.squashfs\n  headers: ${deb}\n`)
      await writeFile(join(dir, 'changing.squashfs'), Buffer.concat([await readFile(image), Buffer.alloc(4096)]))
      expect(await rejection(runStages(first, { until: 'headers' }, stages, session))).toMatchObject({ code: 'E_LOCK_STALE' })
    })
  })
})
