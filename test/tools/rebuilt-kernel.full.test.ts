import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HeadersArtifact } from '../../kernel/headers/artifact.ts'
import { prepare } from '../../scripts/pipeline/prepare.ts'
import { runStages } from '../../scripts/pipeline/run.ts'
import { Session } from '../../scripts/pipeline/session.ts'
import { stages } from '../../scripts/pipeline/stages.ts'
import type { Stored } from '../../scripts/pipeline/stage.ts'
import { loadTarget } from '../../scripts/pipeline/target.ts'
import { makeKernelKey } from '../support/kernel-key.ts'
import { rejection } from '../support/rejection.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { testStore } from '../support/test-store.ts'
import { needsTools } from '../support/tools.ts'

const tools = needsTools('mmdebstrap', 'bwrap', 'apt-ftparchive', 'dpkg-deb', 'openssl') && process.getuid?.() === 0
const wanted = stages.slice(0, 2)
const hours = 60 * 60_000

/** One structure that nearly everything of a kernel has inside grows by a member. As many lines before it as behind: else patch(1) looks for it at the file's end. */
const patch = `--- a/include/linux/kobject.h
+++ b/include/linux/kobject.h
@@ -65,4 +65,5 @@
 \tconst char\t\t*name;
 \tstruct list_head\tentry;
+\tlong\t\t\tsince;
 \tstruct kobject\t\t*parent;
 \tstruct kset\t\t*kset;
`

// A release is not an identity: the same small kernel compiled twice from Debian's sources, with the same configuration, key and release.
describe.skipIf(!tools)('a kernel rebuilt with one changed structure', { timeout: 2 * hours }, () => {
  let dir = ''
  let session: Session
  let [first, second]: (Stored<HeadersArtifact> | undefined)[] = []

  async function headers(name: string, text: string): Promise<Stored<HeadersArtifact>> {
    const file = join(dir, `${name}.yaml`)
    await writeFile(file, `target: ${name}\nsuite: bookworm\nsource: { provider: directory, path: ${join(process.cwd(), 'test/fixtures/jool-fixture')} }\nheaders:\n${text}`)
    const prepared = await prepare(await loadTarget(file, wanted), { update: false }, wanted, session)
    const built = (await runStages(prepared, { until: 'headers' }, wanted, session)).at(-1)
    return { ...built?.artifact as HeadersArtifact, dir: built?.dir ?? '' }
  }

  const compiled = (more = ''): string => `  provider: source\n  config: { fragments: [./signed-kernel.config, ./crcs.config] }\n  signing: { key: builder.key, certificate: builder.pem }\n${more}`
  const packageOf = (built: Stored<HeadersArtifact> | undefined, kind: string): string => join(built?.dir ?? '', built?.kernelPackages?.find(({ name }) => name.startsWith(`linux-${kind}-`))?.file ?? '')
  const given = (image: Stored<HeadersArtifact> | undefined): string => `  provider: packages\n  headers: ${packageOf(first, 'headers')}\n  image: ${packageOf(image, 'image')}\n`

  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    makeKernelKey(dir, 'builder')
    await copyFile('test/fixtures/signed-kernel.config', join(dir, 'signed-kernel.config'))
    await writeFile(join(dir, 'crcs.config'), 'CONFIG_MODVERSIONS=y\n')
    await writeFile(join(dir, 'grown.patch'), patch)
    session = await Session.open({
      storeDir: await testStore(), outDir: join(dir, 'out'), projectDir: process.cwd(), mirrors: {}, offline: false, keepWorkdir: false, jobs: 2, signal: new AbortController().signal, emit: () => undefined,
    })
    first = await headers('first', compiled())
    second = await headers('second', compiled('  patches: [./grown.patch]\n'))
  }, 2 * hours)

  afterAll(async () => { await session[Symbol.asyncDispose]() })

  test('has the release of the one before, and the same configuration', () => {
    expect([second?.release, second?.vermagic, second?.configSha256]).toEqual([first?.release, first?.vermagic, first?.configSha256])
  })

  test('is another kernel to whoever brings the headers of the one before', async () => {
    expect(await rejection(headers('mixed', given(second)))).toMatchObject({
      code: 'E_HEADERS_ABI', exitStatus: 65,
      message: expect.stringMatching(/^the headers are of another build than the kernel in linux-image-\S+\.deb: \w+ is 0x[0-9a-f]{8} in the headers' Module\.symvers \(\S+\), and 0x[0-9a-f]{8} in boot\/vmlinuz-/),
    })
  })

  test('goes with its own', async () => {
    expect((await headers('own', given(first))).imageCrcs?.symbols).toBeGreaterThan(500)
  })
})
