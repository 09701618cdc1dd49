import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { configure } from '../../kernel/headers/providers/source/configure.ts'
import { lockFragment, lockPatches } from '../../kernel/headers/providers/source/inputs.ts'
import type { SourceKernelPlan } from '../../kernel/headers/providers/source/plan.ts'
import { applyPatches } from '../../kernel/headers/providers/source/sources.ts'
import type { Workshop } from '../../kernel/headers/providers/source/workshop.ts'
import { createExec, type Argv } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import type { RunDeps } from '../../scripts/pipeline/stage.ts'
import { rejection } from '../support/rejection.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const deps = { exec, log: silentLog } as unknown as RunDeps<unknown>

/** The steps' commands on this host, with the build root's paths turned into the folder's. */
async function workshopIn(dir: string): Promise<Workshop> {
  await mkdir(join(dir, 'linux'))
  return {
    root: '/', dir,
    run: (argv, { doing, errorCode }) => exec(argv.map((word) => word.replaceAll('/build/kernel', dir)) as unknown as Argv, { cwd: join(dir, 'linux'), doing, ...(errorCode ? { errorCode } : {}) }),
  }
}

describe.skipIf(!needsTools('patch'))('patches of a kernel', () => {
  const patchOf = (from: string, to: string): string => `--- a/file\n+++ b/file\n@@ -1,3 +1,3 @@\n one\n-${from}\n+${to}\n three\n`
  const apply = async (dir: string): Promise<void> => {
    const workshop = await workshopIn(dir)
    await writeFile(join(dir, 'linux/file'), 'one\ntwo\nthree\n')
    await applyPatches({ patches: await lockPatches(['series'], dir) } as SourceKernelPlan, workshop, deps)
  }

  test('are applied in the order of their series', async () => {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'second.patch'), patchOf('zwei', 'deux'))
    await writeFile(join(dir, 'first.patch'), patchOf('two', 'zwei'))
    await writeFile(join(dir, 'series'), 'first.patch\nsecond.patch\n')
    await apply(dir)
    expect(await readFile(join(dir, 'linux/file'), 'utf8')).toBe('one\ndeux\nthree\n')
  })

  test.each([
    ['another context', patchOf('twain', 'x')],
    ['a context that only nearly fits', '--- a/file\n+++ b/file\n@@ -1,3 +1,3 @@\n uno\n-two\n+x\n three\n'],
    ['what is there already', patchOf('zwei', 'two')],
  ])('that want %s are refused by name', async (_what, text) => {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'good.patch'), patchOf('two', 'two'))
    await writeFile(join(dir, 'bad.patch'), text)
    await writeFile(join(dir, 'series'), 'bad.patch\n')
    expect(await rejection(apply(dir))).toMatchObject({ code: 'E_PATCH', exitStatus: 65, message: `the patch ${dir}/bad.patch does not apply (number 1 of 1)`, details: expect.stringMatching(/FAILED|Reversed/) })
  })
})

// A tree whose kconfig takes what it is given, but knows no UNICORN and wants PCI for E1000.
const makefile = [
  'allnoconfig:', '\tcp $(KCONFIG_ALLCONFIG) .config',
  'defconfig:', '\techo CONFIG_MODULES=y > .config',
  'olddefconfig:', '\tsed -i -e /UNICORN/d .config', '\tgrep -q CONFIG_PCI=y .config || sed -i /E1000/d .config',
  'kernelrelease:', '\t@echo 6.12.1$$(sed -n \'s/^CONFIG_LOCALVERSION="\\(.*\\)"/\\1/p\' .config)$(SUFFIX)', '',
].join('\n')

describe.skipIf(!needsTools('make'))('configuring a kernel', () => {
  async function configured(fragment: string, more: Partial<SourceKernelPlan> = {}, suffix = ''): Promise<string> {
    const dir = await temporaryFolder()
    const workshop = await workshopIn(dir)
    await writeFile(join(dir, 'linux/Makefile'), `SUFFIX = ${suffix}\n${makefile}`)
    await writeFile(join(dir, 'mine.config'), fragment)
    const plan = { release: '6.12.1-mine', base: 'allnoconfig', fragments: [await lockFragment('./mine.config', dir)], signing: { policy: 'none' }, ...more } as SourceKernelPlan
    await configure(plan, workshop, deps)
    return readFile(join(dir, 'linux/.config'), 'utf8')
  }
  const base = 'CONFIG_MODULES=y\nCONFIG_LOCALVERSION="-mine"\n'

  test('gives it the certificate alone, whoever signs', async () => {
    expect(await configured(`${base}CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_ALL=y\n`, { signing: { policy: 'ephemeral' } })).toBe([
      'CONFIG_MODULES=y', 'CONFIG_LOCALVERSION="-mine"', 'CONFIG_MODULE_SIG=y', '# CONFIG_MODULE_SIG_ALL is not set', 'CONFIG_MODULE_SIG_KEY="DIR/certificate.pem"', '',
    ].join('\n').replace('DIR', '/build/kernel'))
  })

  test('lays fragments over a make target', async () => {
    expect(await configured('CONFIG_LOCALVERSION="-mine"\n', { base: 'defconfig' })).toBe('CONFIG_MODULES=y\n\nCONFIG_LOCALVERSION="-mine"\n')
  })

  test.each([
    ['an option that does not exist', `${base}CONFIG_UNICORN=y\n`, {}, '', 'E_KCONFIG', 'an option of the kernel\'s configuration did not take: UNICORN'],
    ['an option without what it depends on', `${base}CONFIG_E1000=m\n`, {}, '', 'E_KCONFIG', 'an option of the kernel\'s configuration did not take: E1000'],
    ['no modules', 'CONFIG_LOCALVERSION="-mine"\n', {}, '', 'E_NO_MODULES', 'the kernel is configured without CONFIG_MODULES, so Jool cannot be loaded'],
    ['a key and no signatures', base, { signing: { policy: 'ephemeral' } }, '', 'E_KCONFIG', 'the kernel is configured without CONFIG_MODULE_SIG, and headers.signing has a key'],
    ['signatures and no key', `${base}CONFIG_MODULE_SIG=y\n`, {}, '', 'E_KCONFIG', 'the kernel is configured with CONFIG_MODULE_SIG, and headers.signing has no key'],
    ['a release of its own', base, {}, '-rt5', 'E_KERNEL', 'the release of the configured kernel is "6.12.1-mine-rt5", expected "6.12.1-mine"'],
  ] as const)('with %s is refused before anything is compiled', async (_what, fragment, more, suffix, code, message) => {
    expect(await rejection(configured(fragment, more, suffix))).toMatchObject({ code, message })
  })
})
