import { copyFile, cp, mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { inspect, openRouterImage } from '../../images/inspect/artifact.ts'
import type { HeadersArtifact } from '../../kernel/headers/artifact.ts'
import { canonicalJson, sha256Of } from '../../scripts/lib/digest.ts'
import { prepare } from '../../scripts/pipeline/prepare.ts'
import { runStages } from '../../scripts/pipeline/run.ts'
import { Session } from '../../scripts/pipeline/session.ts'
import { stages } from '../../scripts/pipeline/stages.ts'
import { loadTarget } from '../../scripts/pipeline/target.ts'
import { runInGuest } from '../support/initramfs-guest.ts'
import { loaded, predicted, tryModules, writeVariants, type Fate } from '../support/module-variants.ts'
import { signedByStranger } from '../support/signed-by-stranger.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { testStore } from '../support/test-store.ts'
import { needsTools } from '../support/tools.ts'

const tools = needsTools('mmdebstrap', 'bwrap', 'apt-ftparchive', 'dpkg-deb', 'openssl', 'qemu-system-x86_64') && process.getuid?.() === 0
const wanted = stages.slice(0, 2)
const names = ['jool_common', 'jool', 'jool_siit']
const suite = 'bookworm'

// The smallest kernel that can refuse a module, from Debian's sources, and a small project in the shape of Jool's, compiled and
// signed with it. The router's own kernel with Jool's own modules: signature-forced.full.test.ts.
describe.skipIf(!tools)('a kernel that forces signatures', () => {
  /** File → what the signature alone lets expect, what inspect says of it, what the kernel does with it. */
  let [expected, foretold, done]: Map<string, Fate>[] = []

  beforeAll(async () => {
    const dir = await temporaryFolder({ keepUntil: 'file' })
    const [variants, image, workDir] = [join(dir, 'variants'), join(dir, 'image'), join(dir, 'work')]
    for (const folder of [variants, image, workDir]) await mkdir(folder)
    await cp('test/fixtures/jool-fixture', join(dir, 'jool'), { recursive: true })
    await copyFile('test/fixtures/signed-kernel.config', join(dir, 'signed-kernel.config'))
    await writeFile(join(dir, 'target.yaml'), `target: signed\nsuite: ${suite}\nsource: { provider: directory, path: jool }\nheaders:\n  provider: source\n  config: { fragments: [./signed-kernel.config] }\n  signing: { key: ephemeral }\n`)
    await using session = await Session.open({
      storeDir: await testStore(), outDir: join(dir, 'out'), projectDir: process.cwd(), mirrors: {}, offline: false, keepWorkdir: false, jobs: 2, signal: new AbortController().signal, emit: () => undefined,
    })
    const { exec } = session
    const prepared = await prepare(await loadTarget(join(dir, 'target.yaml'), wanted), { update: false }, wanted, session)
    const built = (await runStages(prepared, { until: 'headers' }, wanted, session)).at(-1)
    const headers = built?.artifact as HeadersArtifact
    const inBuilt = (path: string | undefined): string => join(built?.dir ?? '', path ?? '')
    const paths = names.map((name) => inBuilt(join(headers.signedModules?.dir ?? '', `${name}.ko`)))
    const { buildRoot } = prepared.plans['headers'] as { buildRoot: unknown }
    const root = await session.store.obtain('build-root', sha256Of(canonicalJson(buildRoot)), () => Promise.reject(new Error('the kernel was built without a build root')))

    const strangers = await signedByStranger(paths, { root: root.dir, usrSrc: inBuilt(headers.usrSrc), buildTree: headers.buildTree, dir: workDir }, exec)
    expected = await writeVariants(paths, strangers, variants)

    await exec(['dpkg-deb', '-x', inBuilt(headers.kernelPackages?.[0]?.file), image])
    await mkdir(join(image, 'etc'), { recursive: true })
    await using opened = await openRouterImage(image, { exec })
    const report = await inspect(opened, { modules: [...expected.keys()].map((file) => join(variants, file)) })
    foretold = new Map(report.modules.map((verdict) => [basename(verdict.file), predicted(verdict)]))

    const [busybox] = await session.fetch((await (await session.archive.open(suite, 'amd64')).exactly(['busybox-static'])).map(({ file }) => file))
    await exec(['dpkg-deb', '-x', busybox ?? '', workDir])
    done = loaded(await runInGuest({ kernel: join(image, 'boot', `vmlinuz-${headers.release}`), busybox: join(workDir, 'bin/busybox'), files: variants, script: `set -- /files\n${tryModules}`, workDir }, exec))
  })

  test('takes modules as they were built; unsigned, signed by another key or changed, inspect says beforehand that it will not', () => {
    expect(foretold?.size).toBe(18)
    expect(foretold).toEqual(expected)
  })

  test('does with each what inspect foretold, and for that reason', () => {
    expect(done).toEqual(foretold)
  })
})
