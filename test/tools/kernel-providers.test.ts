import { cp, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ModulesArtifact } from '../../kernel/modules/artifact.ts'
import type { Stored } from '../../scripts/pipeline/stage.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { prepare } from '../../scripts/pipeline/prepare.ts'
import { runStages } from '../../scripts/pipeline/run.ts'
import { Session } from '../../scripts/pipeline/session.ts'
import { stages } from '../../scripts/pipeline/stages.ts'
import { loadTarget } from '../../scripts/pipeline/target.ts'
import { rejection } from '../support/rejection.ts'
import { testStore } from '../support/test-store.ts'
import { needsTools } from '../support/tools.ts'
import { writeUnpatched } from '../support/unpatched.ts'

const tools = needsTools('mmdebstrap', 'bwrap', 'apt-ftparchive', 'dpkg-deb', 'modinfo', 'gpg', 'gpgv') && process.getuid?.() === 0
const exec = createExec({ log: silentLog })
const projectDir = process.cwd()

// Debian's kernel and compiler from the host's mirror, and a small project in the shape of Jool's.
describe.skipIf(!tools)('modules and tools compiled from', () => {
  let dir = ''
  let session: Session

  beforeAll(async () => {
    dir = await mkdtemp(join(await realpath(tmpdir()), 'nat64-forge-providers-'))
    await cp(join(projectDir, 'test/fixtures/jool-fixture'), join(dir, 'jool-4.1.13'), { recursive: true })
    // Compiled by nothing, but a release of Jool has it, and is patched there.
    await writeUnpatched(join(projectDir, 'kernel/patches/all/pool4-count.patch'), join(dir, 'jool-4.1.13'))
    session = await Session.open({
      storeDir: await testStore(), outDir: join(dir, 'out'), projectDir, mirrors: {}, mirrorDir: join(dir, 'mirror'),
      offline: false, keepWorkdir: false, jobs: 2, signal: new AbortController().signal, emit: () => undefined,
    })
    await exec(['mkdir', join(dir, 'mirror'), join(dir, 'gnupg')])
    await exec(['tar', '-czf', join(dir, 'mirror/jool-4.1.13.tar.gz'), '-C', dir, 'jool-4.1.13'])
    const gpg = ['gpg', '--homedir', join(dir, 'gnupg'), '--batch', '--pinentry-mode', 'loopback', '--passphrase', ''] as const
    await exec(['chmod', '700', join(dir, 'gnupg')])
    await exec([...gpg, '--quick-gen-key', 'nobody <nobody@localhost>', 'ed25519', 'sign', '1d'])
    await exec([...gpg, '--output', join(dir, 'jool.asc'), '--detach-sign', join(dir, 'mirror/jool-4.1.13.tar.gz')])
    await exec([...gpg, '--output', join(dir, 'keyring.gpg'), '--export'])
    await exec([...gpg, '--quick-gen-key', 'mallory <mallory@localhost>', 'ed25519', 'sign', '1d'])
    await exec([...gpg, '--output', join(dir, 'wrong.asc'), '--local-user', 'mallory@localhost', '--detach-sign', join(dir, 'mirror/jool-4.1.13.tar.gz')])
    await exec(['gpgconf', '--homedir', join(dir, 'gnupg'), '--kill', 'all'])
  })

  afterAll(async () => {
    await session[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  })

  async function build(name: string, source: string): Promise<Stored<ModulesArtifact>> {
    await writeFile(join(dir, `${name}.yaml`), `target: ${name}\nsuite: bookworm\nsource:\n${source}`)
    const prepared = await prepare(await loadTarget(join(dir, `${name}.yaml`), stages), { update: false }, stages, session)
    const results = await runStages(prepared, { until: 'modules' }, stages.slice(0, 3), session)
    const modules = results.at(-1)
    return { ...modules?.artifact as ModulesArtifact, dir: modules?.dir ?? '' }
  }

  const upstream = async ({ signature = 'jool.asc', sha256 }: { signature?: string; sha256?: string } = {}): Promise<string> => [
    '  provider: upstream', '  version: 4.1.13', '  url: https://upstream.example/releases/jool-4.1.13.tar.gz',
    `  sizeBytes: ${String((await stat(join(dir, 'mirror/jool-4.1.13.tar.gz'))).size)}`, `  sha256: ${sha256 ?? await sha256File(join(dir, 'mirror/jool-4.1.13.tar.gz'))}`,
    `  signature: {file: ${signature}, keyring: keyring.gpg}`, '',
  ].join('\n')

  async function expectAllOfIt(artifact: Stored<ModulesArtifact>): Promise<void> {
    expect(artifact).toMatchObject({ joolVersion: '4.1.13', release: expect.stringMatching(/^6\.1\.0-\d+-amd64$/), tools: { dir: 'tools' } })
    expect(artifact.modules.map(({ name, depends }) => [name, depends])).toEqual([['jool_common', []], ['jool', ['jool_common']], ['jool_siit', ['jool_common']]])
    expect(artifact.crcsChecked).toBeGreaterThan(6)
    for (const { name, file, sha256, sizeBytes } of artifact.modules) {
      expect([sha256, sizeBytes]).toEqual([await sha256File(join(artifact.dir, file)), (await stat(join(artifact.dir, file))).size])
      const field = async (key: string): Promise<string> => (await exec(['modinfo', '-F', key, join(artifact.dir, file)])).stdout.replace(/\n$/, '')
      expect([await field('name'), await field('version'), await field('license'), await field('vermagic')]).toEqual([name, '4.1.13.0', 'GPL v2', artifact.vermagic])
    }
    expect((await readdir(join(artifact.dir, 'tools/usr/bin'))).sort()).toEqual(['jool', 'jool_siit', 'joold'])
    expect((await readdir(join(artifact.dir, 'tools/usr/share/man/man8'))).sort()).toEqual(['jool.8', 'jool_siit.8', 'joold.8'])
    expect(artifact.tools?.depends.map((item) => item.split(' ')[0])).toEqual(['libc6', 'libnl-3-200', 'libnl-genl-3-200'])
    const program = await readFile(join(artifact.dir, 'tools/usr/bin/jool'))
    expect(program.includes(dir)).toBe(false)
    expect((await exec(['readelf', '-S', join(artifact.dir, 'tools/usr/bin/jool')])).stdout).not.toContain('.debug_info')
  }

  test('a checkout, and a signed release tarball: both give the same modules and programs', async () => {
    const fromDirectory = await build('checkout', '  provider: directory\n  path: jool-4.1.13\n')
    await expectAllOfIt(fromDirectory)
    const fromTarball = await build('tarball', await upstream())
    await expectAllOfIt(fromTarball)
    expect([fromDirectory.patches, fromTarball.patches?.map(({ name }) => name)]).toEqual([undefined, ['all/pool4-count.patch']])
    expect(fromTarball.modules.map(({ sha256 }) => sha256)).toEqual(fromDirectory.modules.map(({ sha256 }) => sha256))
    for (const name of ['jool', 'jool_siit', 'joold']) expect(await sha256File(join(fromTarball.dir, 'tools/usr/bin', name))).toBe(await sha256File(join(fromDirectory.dir, 'tools/usr/bin', name)))
    // The two build folders are gone; what is left of the run is its log and temporary folder.
    expect((await readdir(session.store.workDir)).filter((name) => name.startsWith('work-') || name.startsWith('modules-'))).toEqual([])
  })

  test('many files: their kernel headers are parsed once, and the modules mean the same', async () => {
    const parts = Array.from({ length: 8 }, (_, index) => `part${String(index)}`)
    const checkout = async (name: string, firstLine: string): Promise<[Stored<ModulesArtifact>, string]> => {
      const common = join(dir, name, 'src/mod/common')
      await cp(join(dir, 'jool-4.1.13'), join(dir, name), { recursive: true })
      await writeFile(join(common, 'Kbuild'), `ccflags-y += -I$(src)/../..\nobj-m += jool_common.o\njool_common-objs := main.o ${parts.map((part) => `${part}.o`).join(' ')}\n`)
      for (const part of parts) {
        await writeFile(join(common, `${part}.c`), `${firstLine}\n#include <linux/skbuff.h>\n#include "common/xlat.h"\nint ${part}(struct sk_buff *skb)\n{\n\tpr_debug("%s\\n", __FILE__);\n\treturn skb_cow_head(skb, 8);\n}\nEXPORT_SYMBOL_GPL(${part});\n`)
      }
      const artifact = await build(name, `  provider: directory\n  path: ${name}\n`)
      return [artifact, await readFile(join(artifact.dir, '../stage.log'), 'utf8')]
    }
    const [once, log] = await checkout('parsed-once', '/* no macro */')
    expect(log).toContain('-x c-header')
    expect(log).not.toContain('compiling without')
    const [each, otherLog] = await checkout('parsed-each', '#define DEBUG')
    expect(otherLog).toMatch(/compiling without precompiled kernel headers: .*not used because `DEBUG' is defined/)

    await expectAllOfIt(once)
    // The CRCs of what jool_common exports are in these two.
    expect(once.modules.slice(1).map(({ sha256 }) => sha256)).toEqual(each.modules.slice(1).map(({ sha256 }) => sha256))
    const symbols = async (artifact: Stored<ModulesArtifact>): Promise<string[]> =>
      (await exec(['nm', '--format=just-symbols', join(artifact.dir, 'modules/jool_common.ko')])).stdout.split('\n').map((name) => name.replace(/\d+/g, '')).sort()
    expect(await symbols(once)).toEqual(await symbols(each))
    expect(await symbols(once)).toEqual(expect.arrayContaining(['pskb_expand_head', 'part']))
  })

  test('a tarball that somebody else signed: refused', async () => {
    expect(await rejection(build('wrong-signature', await upstream({ signature: 'wrong.asc' })))).toMatchObject({ code: 'E_SIGNATURE', exitStatus: 65, details: expect.stringContaining('No public key') })
  })

  test('a tarball of another digest: refused', async () => {
    expect(await rejection(build('wrong-digest', await upstream({ sha256: 'ab'.repeat(32) })))).toMatchObject({ code: 'E_DIGEST', exitStatus: 65 })
  })

  test('a checkout that changed after it was locked: refused', async () => {
    await cp(join(dir, 'jool-4.1.13'), join(dir, 'moving'), { recursive: true })
    // Its own, so that the store has no copy of it from another test.
    await writeFile(join(dir, 'moving/NEWS'), 'unlike the others\n')
    const source = '  provider: directory\n  path: moving\n'
    await writeFile(join(dir, 'moving.yaml'), `target: moving\nsuite: bookworm\nsource:\n${source}`)
    const prepared = await prepare(await loadTarget(join(dir, 'moving.yaml'), stages), { update: false }, stages, session)
    await writeFile(join(dir, 'moving/src/mod/common/extra.c'), '\n')
    expect(await rejection(runStages(prepared, { until: 'source' }, stages.slice(0, 1), session))).toMatchObject({ code: 'E_LOCK_STALE' })
  })

  test('sources that do not compile: the compiler\'s words are shown, and nothing is kept', async () => {
    await cp(join(dir, 'jool-4.1.13'), join(dir, 'broken'), { recursive: true })
    await writeFile(join(dir, 'broken/src/mod/nat64/main.c'), 'int broken(void) { return undeclared; }\n')
    expect(await rejection(build('broken', '  provider: directory\n  path: broken\n'))).toMatchObject({ code: 'E_COMPILE', message: 'could not compile Jool\'s modules: exit status 2', details: expect.stringContaining('undeclared') })
  })
})
