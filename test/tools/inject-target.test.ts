import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import type { IsoArtifact } from '../../images/iso/artifact.ts'
import { iso as isoStage } from '../../images/iso/stage.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { targetFileFor } from '../../scripts/commands/inject.ts'
import { output } from '../../scripts/commands/output.ts'
import { prepare, type Prepared } from '../../scripts/pipeline/prepare.ts'
import { buildReport } from '../../scripts/pipeline/report/report.ts'
import { runStages, type StageResult } from '../../scripts/pipeline/run.ts'
import { Session } from '../../scripts/pipeline/session.ts'
import type { AnyStage } from '../../scripts/pipeline/stage.ts'
import { loadTarget } from '../../scripts/pipeline/target.ts'
import { cli } from '../support/cli.ts'
import { debianLikeIso, debianLikeTools, debianPackage, oldRelease } from '../support/debian-like-iso.ts'
import { elfObject } from '../support/elf-object.ts'
import { fakeDeps } from '../support/fake-archive.ts'
import { rejection } from '../support/rejection.ts'
import { debianSource } from '../support/sample-lock.ts'
import { stubStage } from '../support/stub-stage.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const tools = needsTools(...debianLikeTools) && process.getuid?.() === 0

/** The suite's archive, on paper. */
const archive = vi.hoisted((): { current: unknown } => ({ current: undefined }))
vi.mock(import('../../scripts/lib/debian-archive.ts'), async (original) => ({ ...await original(), debianArchive: () => archive.current as never }))

let dir: string
let iso: string
let session: Session
const project = process.cwd()

/** Stages before the image, that make what a test says: a module for a kernel, and tools that need a library. */
let modulesDeb: string
let toolsDeb: string
let vyosDeb: string
const debsPlan = { packages: [{ name: `jool-modules-${oldRelease}` }, { name: 'jool-tools' }, { name: 'vyos-nat64' }] }
const deb = (path: string): object => ({ name: basename(path).split('_')[0], file: `packages/${basename(path)}` })
const anything = z.looseObject({})
const stagesFor = (release: string): AnyStage[] => [
  stubStage('source', { locked: anything, resolve: () => Promise.resolve(debianSource) }),
  stubStage('headers', { locked: anything, resolve: () => Promise.resolve({ provider: 'debian', release }), plan: () => ({ provider: 'debian', release }) }),
  stubStage('modules'),
  stubStage('debs', {
    plan: () => ({ ...debsPlan, made: [modulesDeb, toolsDeb, vyosDeb] }),
    run: async (_plan, { outDir }) => {
      for (const folder of ['packages', 'apt']) await mkdir(join(outDir, folder))
      for (const path of [modulesDeb, toolsDeb, vyosDeb]) await copyFile(path, join(outDir, 'packages', basename(path)))
      return { packages: [deb(modulesDeb), deb(toolsDeb), deb(vyosDeb)], packagesDir: 'packages', aptDir: 'apt' }
    },
  }),
  isoStage,
]
const stages = stagesFor(oldRelease)

async function prepared(section: string, { name = 'branch', headers = oldRelease }: { name?: string; headers?: string } = {}): Promise<Prepared> {
  const file = join(dir, `${name}.yaml`)
  await writeFile(file, `target: ${name}\nsuite: bookworm\niso:\n  kind: existing\n${section}`)
  return prepare(await loadTarget(file, stagesFor(headers)), { update: false }, stagesFor(headers), session)
}

const build = async (section: string, options: Parameters<typeof prepared>[1] = {}): Promise<{ results: StageResult[]; plan: Prepared; artifact: IsoArtifact; path: string }> => {
  const plan = await prepared(section, options)
  const results = await runStages(plan, { until: 'iso' }, stages, session)
  const last = results.at(-1)
  const artifact = last?.artifact as IsoArtifact
  return { results, plan, artifact, path: join(last?.dir ?? '', artifact.isoName) }
}

async function rootOf(image: string): Promise<string> {
  const to = join(dir, `${await sha256File(image)}.files`)
  if (await stat(to).then(() => true, () => false)) return join(to, 'root')
  await exec(['xorriso', '-osirrox', 'on', '-indev', image, '-extract', '/', to])
  for (const algorithm of ['sha256', 'md5'] as const) await exec([`${algorithm}sum`, '--check', '--strict', '--quiet', `${algorithm}sum.txt`], { cwd: to })
  await exec(['unsquashfs', '-quiet', '-no-progress', '-dest', join(to, 'root'), join(to, 'live/filesystem.squashfs')])
  return join(to, 'root')
}

const joolModule = (vermagic: string): Buffer => elfObject({ info: ['name=jool', 'version=4.1.13', 'license=GPL', 'depends=', `vermagic=${vermagic}`] })

describe.skipIf(!tools)('a target that names an ISO', () => {
  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    iso = await debianLikeIso({ dir, exec })
    archive.current = fakeDeps({}).deps.archive
    session = await Session.open({ storeDir: join(dir, 'store'), outDir: join(dir, 'out'), projectDir: project, mirrors: {}, offline: false, keepWorkdir: false, jobs: 2, signal: new AbortController().signal, emit: () => undefined })
    modulesDeb = await debianPackage(dir, exec, { name: `jool-modules-${oldRelease}`, architecture: 'amd64', files: { [`usr/lib/modules/${oldRelease}/updates/jool/jool.ko`]: joolModule(`${oldRelease} SMP `) } })
    toolsDeb = await debianPackage(dir, exec, { name: 'jool-tools', architecture: 'amd64', files: { 'usr/bin/jool-like': 'a tool\n' } })
    vyosDeb = await debianPackage(dir, exec, { name: 'vyos-nat64', control: 'Depends: vyos-1x\n' })
    return async () => { await session[Symbol.asyncDispose]() }
  })

  test('gives that ISO with what the stages before made; the second build takes it from the store, wherever the ISO lies', async () => {
    const before = await sha256File(iso)
    const { results, plan, artifact, path } = await build(`  from: ${iso}\n`)
    expect(results.map(({ cached }) => cached)).toEqual([false, false, false, false, false])
    expect(artifact).toMatchObject({ isoName: 'branch-router.iso', volumeId: 'DEBIAN_LIKE', sha256: await sha256File(path), sizeBytes: (await stat(path)).size })
    expect(artifact.injected).toMatchObject({ into: 'router.iso', sha256: before, mode: 'graft', modulesListed: [oldRelease], removed: [], kernel: null, packages: [{ name: `jool-modules-${oldRelease}`, was: 'installed' }, { name: 'jool-tools', was: 'installed' }] })
    expect(artifact.manifest).toContain('jool-tools 1.0 jool-tools 1.0\n')
    const root = await rootOf(path)
    expect(await readFile(join(root, 'usr/bin/jool-like'), 'utf8')).toBe('a tool\n')
    expect(await readFile(join(root, `usr/lib/modules/${oldRelease}/modules.dep`), 'utf8')).toContain('updates/jool/jool.ko:')
    expect(await sha256File(iso)).toBe(before)

    const report = await output(plan, results, join(dir, 'out'), new AbortController().signal)
    expect(buildReport.parse(JSON.parse(await readFile(join(dir, 'out/branch/report.json'), 'utf8')))).toEqual(report)
    expect(report.injected).toEqual(artifact.injected)
    expect(await sha256File(join(dir, 'out/branch/branch-router.iso'))).toBe(artifact.sha256)
    expect(await readFile(join(dir, 'out/branch/report.html'), 'utf8')).toContain('the image is router.iso with jool-modules-')

    const moved = join(dir, 'elsewhere.iso')
    await copyFile(iso, moved)
    const again = await build(`  from: ${moved}\n`)
    expect(again.results.at(-1)).toMatchObject({ cached: true, dir: results.at(-1)?.dir })
    const byUrl = await build(`  from:\n    url: ${pathToFileURL(iso).href}\n    sizeBytes: ${String((await stat(iso)).size)}\n    sha256: ${before}\n`)
    expect(byUrl.results.at(-1)).toMatchObject({ cached: true, dir: results.at(-1)?.dir })
  })

  test('is a shipped one, for the image\'s Debian, where inject is given none', async () => {
    const trixie = await debianLikeIso({ dir, exec, name: 'trixie', files: { 'etc/debian_version': '13.1\n' } })
    const other = await debianLikeIso({ dir, exec, name: 'bullseye', files: { 'etc/debian_version': '11.9\n' } })
    const shipped = (name: string): string => join(project, `images/targets/${name}.yaml`)
    expect(await Promise.all([trixie, iso, other].map((image) => targetFileFor(image, undefined, { exec })))).toEqual([shipped('debian-13'), shipped('debian-12'), shipped('debian-12')])
    expect(await targetFileFor(trixie, 'debian-12', { exec })).toBe(shipped('debian-12'))
    expect(await rejection(prepared(`  from: ${trixie}\n`, { name: 'for-trixie' }))).toMatchObject({ code: 'E_TARGET', message: 'trixie.iso is made of Debian trixie, and the target\'s suite is bookworm', hint: expect.stringMatching(/write suite: trixie in the target.*--target FILE\.yaml/) as string })
  })

  test('gets VyOS\'s glue where it is VyOS, and only there', async () => {
    const vyos = await debianLikeIso({ dir, exec, name: 'vyos', installed: ['Package: vyos-1x\nStatus: install ok installed\nMaintainer: test <test@localhost>\nArchitecture: amd64\nVersion: 1.5\nDescription: test\n'] })
    const { artifact } = await build(`  from: ${vyos}\n`, { name: 'vyos' })
    expect(artifact.injected?.packages.map(({ name, was }) => `${name} ${was}`)).toEqual([`jool-modules-${oldRelease} installed`, 'jool-tools installed', 'vyos-nat64 installed'])
  })

  test('is resolved anew when the ISO was exchanged, and refuses it when it was asked for with a lock', async () => {
    const own = join(dir, 'own.iso')
    await copyFile(iso, own)
    const first = await prepared(`  from: ${own}\n`, { name: 'exchanged' })
    await copyFile(await debianLikeIso({ dir, exec, name: 'newer', files: { 'etc/newer': 'yes\n' } }), own)
    const second = await prepared(`  from: ${own}\n`, { name: 'exchanged' })
    expect((second.lock.stages.iso as { from: { sha256: string } }).from.sha256).toBe(await sha256File(own))
    expect(second.keys.at(-1)?.key).not.toBe(first.keys.at(-1)?.key)
    expect(await rejection(runStages(first, { until: 'iso' }, stages, session))).toMatchObject({ code: 'E_LOCK_STALE', message: expect.stringContaining(`the digest of ${own}`) as string })
  })

  test('may run a script of its own, which counts by its bytes, and choose how the image is written', async () => {
    await writeFile(join(dir, 'after.sh'), '#!/bin/sh\ncat /usr/bin/jool-like > /etc/after\n')
    const { path, artifact } = await build(`  from: ${iso}\n  mode: repack\n  script: after.sh\n`)
    expect(await readFile(join(await rootOf(path), 'etc/after'), 'utf8')).toBe('a tool\n')
    expect(artifact.injected?.mode).toBe('repack')
    const layer = await build(`  from: ${iso}\n  mode: layer\n`)
    expect(layer.artifact.injected?.notes).toEqual([expect.stringContaining('a layer of their own')])
  })

  test('is refused for an image with another kernel than the headers, and for one of another suite', async () => {
    expect(await rejection(prepared(`  from: ${iso}\n`, { name: 'refused', headers: '6.1.0-9-amd64' }))).toMatchObject({
      code: 'E_HEADERS_RELEASE', message: `the headers are for 6.1.0-9-amd64, router.iso boots ${oldRelease}`, hint: expect.stringContaining('iso.kernel: replace') as string,
    })
    expect(await rejection(resolveFor('trixie'))).toMatchObject({ code: 'E_TARGET', message: 'router.iso is made of Debian bookworm, and the target\'s suite is trixie' })
    expect(await rejection(prepared('  from: missing.iso\n', { name: 'refused' }))).toMatchObject({ code: 'E_IMAGE', hint: expect.stringContaining('correct iso.from') as string })
  })

  const resolveFor = async (suite: string): Promise<unknown> => isoStage.resolve({ target: { name: 't', suite: suite as never, architecture: 'amd64' }, spec: isoStage.spec.parse({ kind: 'existing', from: iso }), before: { source: debianSource, headers: { provider: 'debian', release: oldRelease } as never } }, { ...fakeDeps({}).deps, exec, targetDir: dir, workDir: dir })

  test('offers what the suite has and the image lacks, and nothing under a name that the image has', async () => {
    const closure = ['dpkg', 'libnl-3-200', 'tool'].map((name) => ({ name, version: '9', architecture: 'amd64', file: { fileName: `${name}.deb`, sizeBytes: 1, sha256: '1'.repeat(64), from: { archive: 'debian', path: 'x' } } }))
    const { deps, asked } = fakeDeps({ packages: closure as never })
    const resolved = async (packages: string[]): Promise<string[]> => {
      const locked = await isoStage.resolve({ target: { name: 't', suite: 'bookworm', architecture: 'amd64' }, spec: isoStage.spec.parse({ kind: 'existing', from: iso, packages }), before: { source: debianSource, headers: { provider: 'debian', release: oldRelease } as never } }, { ...deps, exec, targetDir: dir, workDir: dir })
      return locked.packages.map(({ name }) => name)
    }
    expect(await resolved([])).toEqual(['libnl-3-200'])
    expect(asked[0]).toEqual(['closure', 'libc6', 'libnl-3-200', 'libnl-genl-3-200', 'libxtables12', 'python3', 'iproute2'])
    // What the target asks for by name is installed, whatever the image has.
    expect(await resolved(['tool'])).toEqual(['libnl-3-200', 'tool'])
  })

  test('does not put modules in that its kernel would refuse, and leaves nothing in the store', async () => {
    const right = modulesDeb
    modulesDeb = await debianPackage(join(dir, 'wrong-modules'), exec, { name: `jool-modules-${oldRelease}`, architecture: 'amd64', files: { [`usr/lib/modules/${oldRelease}/updates/jool/jool.ko`]: joolModule('6.1.0-7-amd64 SMP ') } })
    try {
      const error = await rejection(build(`  from: ${iso}\n`, { name: 'wrong' }))
      expect([error.code, error.message]).toEqual(['E_VERMAGIC', '1 of 1 modules would be refused: jool.ko'])
    } finally {
      modulesDeb = right
    }
  })
})

test.skipIf(!tools)('inject without packages builds them: the target\'s own errors are its errors, and nothing is written', async () => {
  const file = join(dir, 'cli.yaml')
  const words = (...more: string[]): string[] => ['inject', iso, '-o', join(dir, 'built.iso'), '--store', join(dir, 'cli-store'), '--offline', ...more]
  await writeFile(file, 'target: t\nsuite: bookworm\nheaders: { provider: nope }\n')
  expect(await cli(words('--target', file))).toMatchObject({ status: 65, stdout: '', stderr: expect.stringContaining('E_TARGET: cli.yaml:3:') as string })
  const offline = await cli(words())
  expect([offline.status, offline.stderr]).toEqual([69, expect.stringContaining('E_OFFLINE: the package index is needed')])
  expect((await cli(['inject', iso, '-o', iso, '--store', join(dir, 'cli-store')])).stderr).toContain('is the same file as')
  await expect(stat(join(dir, 'built.iso'))).rejects.toThrow()
})
