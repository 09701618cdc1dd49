import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { IsoArtifact } from '../../images/iso/artifact.ts'
import type { InspectReport } from '../../images/inspect/artifact.ts'
import type { HeadersArtifact } from '../../kernel/headers/artifact.ts'
import type { ModulesArtifact } from '../../kernel/modules/artifact.ts'
import { canonicalJson, sha256Of } from '../../scripts/lib/digest.ts'
import { prepare } from '../../scripts/pipeline/prepare.ts'
import { runStages } from '../../scripts/pipeline/run.ts'
import { Session } from '../../scripts/pipeline/session.ts'
import { stages } from '../../scripts/pipeline/stages.ts'
import { loadTarget } from '../../scripts/pipeline/target.ts'
import { program } from '../support/cli.ts'
import { makeKernelKey } from '../support/kernel-key.ts'
import { loaded, predicted, tryOnRouter, tryModules, writeVariants, type Fate } from '../support/module-variants.ts'
import { onRouter } from '../support/router-guest.ts'
import { signedByStranger } from '../support/signed-by-stranger.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { testStore } from '../support/test-store.ts'
import { needsTools } from '../support/tools.ts'

const tools = needsTools('mmdebstrap', 'bwrap', 'apt-ftparchive', 'dpkg-deb', 'mksquashfs', 'xorriso', 'openssl', 'mke2fs', 'qemu-system-x86_64') && process.getuid?.() === 0
const wanted = stages.filter(({ name }) => name !== 'smoke')
const hours = 60 * 60_000

// The router's own kernel, Jool's own modules, and the ISO with both; that the modules translate there, the smoke test shows.
describe.skipIf(!tools)('a router whose kernel forces signatures', { timeout: hours }, () => {
  let [expected, foretold, done]: Map<string, Fate>[] = []

  beforeAll(async () => {
    const dir = await temporaryFolder({ keepUntil: 'file' })
    const [variants, workDir] = [join(dir, 'variants'), join(dir, 'work')]
    for (const folder of [variants, workDir]) await mkdir(folder)
    makeKernelKey(dir, 'builder')
    await writeFile(join(dir, 'target.yaml'), 'target: own-kernel\nsuite: bookworm\nsource: { provider: debian, suite: trixie }\nheaders:\n  provider: source\n  signing: { key: builder.key, certificate: builder.pem }\niso: { compression: fast }\n')
    await using session = await Session.open({
      storeDir: await testStore(), outDir: join(dir, 'out'), projectDir: process.cwd(), mirrors: {}, offline: false, keepWorkdir: false, jobs: 2, signal: new AbortController().signal, emit: () => undefined,
    })
    const { exec } = session
    const prepared = await prepare(await loadTarget(join(dir, 'target.yaml'), wanted), { update: false }, wanted, session)
    const results = await runStages(prepared, { until: 'iso' }, wanted, session)
    const of = <Artifact>(stage: string): { artifact: Artifact; file: (path: string) => string } => {
      const result = results.find(({ name }) => name === stage)
      return { artifact: result?.artifact as Artifact, file: (path) => join(result?.dir ?? '', path) }
    }
    const [headers, modules, image] = [of<HeadersArtifact>('headers'), of<ModulesArtifact>('modules'), of<IsoArtifact>('iso')]
    const iso = image.file(image.artifact.isoName)
    const paths = modules.artifact.modules.map(({ file }) => modules.file(file))
    const { buildRoot } = prepared.plans['headers'] as { buildRoot: unknown }
    const root = await session.store.obtain('build-root', sha256Of(canonicalJson(buildRoot)), () => Promise.reject(new Error('the kernel was built without a build root')))
    expected = await writeVariants(paths, await signedByStranger(paths, { root: root.dir, usrSrc: headers.file(headers.artifact.usrSrc), buildTree: headers.artifact.buildTree, dir: workDir }, exec), variants)

    const inspected = await exec([process.execPath, program, 'inspect', iso, '--json', '--modules', ...[...expected.keys()].map((file) => join(variants, file))], { okStatus: [65] })
    const report = JSON.parse(inspected.stdout) as InspectReport
    foretold = new Map(report.modules.map((verdict) => [basename(verdict.file), predicted(verdict)]))

    await writeFile(join(variants, 'try-modules.sh'), tryModules)
    done = await onRouter({ iso, disk: variants, workDir: join(dir, 'lab') }, exec, async (router) => loaded((await router.run(tryOnRouter, 120_000)).output))
  }, 2 * hours)

  test('takes Jool\'s modules as they were built; unsigned, signed by another key or changed, `inspect` of the ISO says beforehand that it will not', () => {
    expect(foretold?.size).toBe(18)
    expect(foretold).toEqual(expected)
  })

  test('does with each what `inspect` foretold, and for that reason', () => {
    expect(done).toEqual(foretold)
  })
})
