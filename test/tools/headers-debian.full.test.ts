import { cp, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { HeadersArtifact, HeadersLocked } from '../../kernel/headers/artifact.ts'
import type { ModulesArtifact } from '../../kernel/modules/artifact.ts'
import { prepare } from '../../scripts/pipeline/prepare.ts'
import { runStages } from '../../scripts/pipeline/run.ts'
import { Session } from '../../scripts/pipeline/session.ts'
import { stages as allStages } from '../../scripts/pipeline/stages.ts'
import { loadTarget } from '../../scripts/pipeline/target.ts'
import { testStore } from '../support/test-store.ts'
import { needsTools } from '../support/tools.ts'

const tools = needsTools('mmdebstrap', 'bwrap', 'apt-ftparchive', 'dpkg-deb', 'xz') && process.getuid?.() === 0
const stages = allStages.slice(0, 3)

// Thousands of real modules: that every CRC agrees where it should is worth as much as that a difference is found.
test.skipIf(!tools)('Debian\'s headers and kernel as packages in files: all CRCs of kernel and modules agree', async () => {
  const dir = await mkdtemp(join(await realpath(tmpdir()), 'nat64-forge-debian-'))
  await using session = await Session.open({
    storeDir: await testStore(), outDir: join(dir, 'out'), projectDir: process.cwd(), mirrors: {}, offline: false, keepWorkdir: false, jobs: 2, signal: new AbortController().signal, emit: () => undefined,
  })
  try {
    const prepared = async (headers: string) => {
      await writeFile(join(dir, 'debian.yaml'), `target: debian\nsuite: bookworm\nheaders:\n${headers}`)
      return prepare(await loadTarget(join(dir, 'debian.yaml'), stages), { update: true }, stages, session)
    }
    const { release, packages } = (await prepared('  provider: debian\n')).lock.stages.headers as Extract<HeadersLocked, { provider: 'debian' }>
    const index = await session.archive.open('bookworm', 'amd64')
    const files = [...packages, ...await index.exactly([`linux-image-${release}`])].map(({ file }) => file)
    for (const [at, path] of (await session.fetch(files)).entries()) await cp(path, join(dir, files[at]?.fileName ?? ''))
    const [image, ...headers] = files.map(({ fileName }) => fileName).reverse()

    const results = await runStages(await prepared(`  provider: packages\n  headers: [${headers.join(', ')}]\n  image: ${image ?? ''}\n  release: ${release}\n`), { until: 'modules' }, stages, session)
    const { imageCrcs, kernelPackages } = results[1]?.artifact as HeadersArtifact
    expect(imageCrcs?.symbols).toBeGreaterThan(15_000)
    expect(kernelPackages).toEqual([{ name: `linux-image-${release}`, version: packages[0]?.version, file: `kernel/${image ?? ''}` }])
    const { crcsChecked, imageCrcsChecked } = results[2]?.artifact as ModulesArtifact
    expect(crcsChecked).toBeGreaterThan(100)
    // What the three modules import of each other is in no image.
    expect(imageCrcsChecked).toBeGreaterThan(100)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})
