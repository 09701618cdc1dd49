import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { gccMajor } from '../../../kernel/compile/gcc-major.ts'
import { compilerFor } from '../../../kernel/headers/compiler.ts'
import { keyOf, plan, type HeadersPlan } from '../../../kernel/headers/plan.ts'
import { buildFiles, digestOf } from '../../../kernel/headers/providers/tree/build-files.ts'
import { headersLocked, headersSpec, type HeadersLocked } from '../../../kernel/headers/spec.ts'
import { isStale } from '../../../kernel/headers/stale.ts'
import { sha256Of } from '../../../scripts/lib/digest.ts'
import { createLog, type LogEvent } from '../../../scripts/lib/log.ts'
import { fakeDeps } from '../../support/fake-archive.ts'
import { rejection } from '../../support/rejection.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const target = { name: 't', suite: 'bookworm', architecture: 'amd64', sourceDateEpoch: 1 } as const

async function put(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), text)
  }
}

describe('the compiler of a kernel', () => {
  test.each([
    ['gcc (Debian 12.2.0-14) 12.2.0', '12'],
    ['gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0', '12'],
    ['x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0', '14'],
    ['gcc (Debian 8.3.0-6) 8.3.0', '8'],
    ['gcc (GCC) 13.2.1 20230801', '13'],
    ['GCC: (Debian 10.2.1-6) 10.2.1 20210110', '10'],
    ['', undefined],
  ])('%j is gcc %s', (text, major) => {
    expect(gccMajor(text)).toBe(major)
  })

  async function choose(text: string, packages: readonly string[]): Promise<{ compiler: unknown; warnings: string[] }> {
    const events: LogEvent[] = []
    const { deps } = fakeDeps({ records: Object.fromEntries(packages.map((name) => [name, { Package: name }])) })
    const compiler = await compilerFor(text, await deps.archive.open('bookworm', 'amd64'), createLog((event) => events.push(event)))
    return { compiler, warnings: events.flatMap((event) => event.kind === 'warning' ? [event.text] : []) }
  }

  test('is taken from the suite when it has that version', async () => {
    expect(await choose('gcc (Debian 12.2.0-14) 12.2.0', ['gcc-12', 'gcc'])).toEqual({ compiler: { cc: 'gcc-12', buildDepends: ['gcc-12', 'libelf1'] }, warnings: [] })
  })

  test('is the suite\'s own otherwise, with a warning', async () => {
    expect(await choose('gcc (Debian 8.3.0-6) 8.3.0', ['gcc-12', 'gcc'])).toEqual({ compiler: { cc: 'gcc', buildDepends: ['gcc', 'libelf1'] }, warnings: ['the kernel was built with gcc 8, which the build root\'s suite does not have: its own gcc is used'] })
    expect((await choose('', ['gcc'])).warnings).toEqual(['the kernel was built with an unknown compiler, which the build root\'s suite does not have: its own gcc is used'])
  })

  test('is not guessed for clang', async () => {
    expect(await rejection(choose('Debian clang version 16.0.6', ['gcc']))).toMatchObject({ code: 'E_KERNEL' })
  })
})

const built = {
  '.config': 'CONFIG_X86_64=y\n', 'Module.symvers': '', Makefile: 'all:\n', 'include/generated/utsrelease.h': '', 'include/generated/autoconf.h': '', 'scripts/mod/modpost': 'program',
  'include/linux/kernel.h': '', 'arch/x86/include/asm/bug.h': '', 'arch/x86/Makefile': '', 'arch/arm64/include/asm/bug.h': '', 'tools/objtool/objtool': 'program',
}
const left = { 'certs/signing_key.pem': 'private', 'vmlinux': '', 'kernel/fork.c': '', 'kernel/fork.o': '', 'scripts/mod/modpost.o': '', 'scripts/mod/.modpost.cmd': '', 'Documentation/x': '', 'debian/changelog': '' }

describe('of a kernel tree', () => {
  test('what modules are compiled with is taken, and neither keys nor objects', async () => {
    const dir = await temporaryFolder()
    await put(dir, { ...built, ...left })
    await symlink('../mod/modpost', join(dir, 'scripts/link'))
    const files = await buildFiles(dir)
    expect(files.map(({ path }) => path)).toEqual([...Object.keys(built).filter((path) => !path.includes('arm64')), 'scripts/link'].sort())
    expect(files.find(({ path }) => path === 'scripts/link')).toEqual({ path: 'scripts/link', from: dir, link: '../mod/modpost' })
  })

  test('built with O= both folders are taken together; what was generated goes first', async () => {
    const dir = await temporaryFolder()
    await put(join(dir, 'linux'), { Makefile: 'real', 'include/linux/kernel.h': '', 'scripts/mod/modpost.c': '', 'arch/x86/Makefile': '', 'include/generated/autoconf.h': 'stale' })
    await put(join(dir, 'build'), { ...built, Makefile: 'include ../linux/Makefile', 'include/generated/autoconf.h': 'fresh' })
    await symlink('../linux', join(dir, 'build/source'))
    const from = Object.fromEntries((await buildFiles(join(dir, 'build'))).map((file) => [file.path, file.from.slice(dir.length)]))
    expect(from).toMatchObject({ Makefile: '/build/source', 'include/linux/kernel.h': '/build', 'scripts/mod/modpost.c': '/build/source', 'include/generated/autoconf.h': '/build', '.config': '/build' })
  })

  test('that was only configured, what is missing is named', async () => {
    const dir = await temporaryFolder()
    await put(dir, { '.config': '', Makefile: '' })
    expect(await rejection(buildFiles(dir))).toMatchObject({ code: 'E_KERNEL', message: `${dir} is not a built kernel tree: it has no Module.symvers, include/generated/utsrelease.h, include/generated/autoconf.h, scripts/mod/modpost` })
  })

  test('the digest is of names, contents and links, not of the place; and the lock notices a change', async () => {
    const [one, other] = [await temporaryFolder(), await temporaryFolder()]
    for (const dir of [one, other]) await put(dir, built)
    const digest = await digestOf(await buildFiles(one))
    expect(await digestOf(await buildFiles(other))).toBe(digest)
    const locked: HeadersLocked = { provider: 'tree', release: '6.6.54-vyos', buildDepends: [], path: other, treeSha256: digest }
    expect(await isStale(locked)).toBe(false)
    await put(other, { 'include/linux/kernel.h': 'changed' })
    expect(await isStale(locked)).toBe(true)
  })
})

describe('where files lie is not part of the key:', () => {
  const deb = (path: string, text = 'deb'): object => ({ name: 'linux-headers-6.6.54-vyos', version: '6.6.54-1', architecture: 'amd64', file: { fileName: 'linux-headers.deb', sizeBytes: 3, sha256: sha256Of(text), from: { url: `file://${path}/linux-headers.deb` } } })
  const common = { release: '6.6.54-vyos', buildDepends: ['gcc-12'], cc: 'gcc-12' }
  const key = (locked: object): unknown => keyOf(planned(locked))
  const planned = (locked: object): HeadersPlan => plan({ target, spec: headersSpec.parse(undefined), locked: headersLocked.parse(locked) })

  test.each<[string, (at: string, text?: string) => object]>([
    ['packages', (at, text) => ({ provider: 'packages', ...common, headers: [deb(at, text)], image: deb(at) })],
    ['iso', (at, text) => ({ provider: 'iso', ...common, iso: { path: `${at}/a.iso`, name: 'a.iso', sha256: sha256Of('iso') }, headers: [deb(at, text)] })],
    ['tree', (at, text) => ({ provider: 'tree', ...common, path: at, treeSha256: sha256Of(text ?? '') })],
  ])('%s', (_provider, locked) => {
    expect(key(locked('/here'))).toEqual(key(locked('/there')))
    expect(key(locked('/here', 'other'))).not.toEqual(key(locked('/here')))
    expect(JSON.stringify(key(locked('/here')))).not.toContain('/here')
  })

  test('the kernel package is depended on in exactly its version, where that is known', () => {
    expect(planned({ provider: 'packages', ...common, headers: [deb('/x')] })).toMatchObject({ release: '6.6.54-vyos', kernelPackageVersion: '6.6.54-1', abiFixedByName: false, cc: 'gcc-12' })
    expect(planned({ provider: 'tree', ...common, path: '/x', treeSha256: 'ab'.repeat(32) })).not.toHaveProperty('kernelPackageVersion')
    expect(planned({ provider: 'iso', ...common, iso: { path: '/a.iso', name: 'a.iso', sha256: 'ab'.repeat(32) }, headers: [deb('/x')], imageVersion: '6.6.54-2' })).toMatchObject({ kernelPackageVersion: '6.6.54-2' })
  })
})

test.each<[object, RegExp]>([
  [{ provider: 'packages', headers: 'linux-headers.rpm' }, /a \.deb file/],
  [{ provider: 'packages' }, /headers/],
  [{ provider: 'packages', headers: [] }, />=1 items/],
  [{ provider: 'packages', headers: { url: 'https://x.example/a.deb', sizeBytes: 1 } }, /sha256/],
  [{ provider: 'tree' }, /path/],
  [{ provider: 'iso' }, /iso/],
  [{ provider: 'debian', backports: true, flavour: 'amd64', release: '6.1.0-1-amd64' }, /not both/],
])('a section %j is refused', (spec, message) => {
  expect(JSON.stringify(headersSpec.safeParse(spec).error?.issues)).toMatch(message)
})
