import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compileWithPrefixHeader, compilerCommand } from '../../../kernel/compile/prefix-header.ts'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import type { Argv } from '../../../scripts/lib/exec.ts'
import { rejection } from '../../support/rejection.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const command = 'gcc-12 -Wp,-MMD,/build/jool/src/mod/common/.a.o.d -nostdinc -Werror=invalid-pch -include /build/jool/prefix-header/kernel.h -I./include'
  + ' -include ./include/linux/kconfig.h -include ./include/linux/compiler_types.h -D__KERNEL__ -O2 -DMODULE -DKBUILD_MODNAME=\'"jool_common"\' -c -o /build/jool/src/mod/common/a.o /build/jool/src/mod/common/a.c'
const flags = ['-nostdinc', '-Werror=invalid-pch', '-I./include', '-D__KERNEL__', '-O2', '-DMODULE', '-DKBUILD_MODNAME=\'"jool_common"\'']
const kbuild = 'obj-m += jool_common.o\njool_common-objs += a.o b/c.o\njool_common-objs += d.o e.o f.o g.o h.o i.o\n'

describe('what kbuild left beside an object', () => {
  test.each([
    ['Linux 5.10', `cmd_/build/jool/src/mod/common/a.o := ${command}\n\nsource_/build/jool/src/mod/common/a.o := /build/jool/src/mod/common/a.c\n`, ['gcc-12']],
    ['Linux 6.1, with objtool', `cmd_/build/jool/src/mod/common/a.o :=  ${command}   ; ./tools/objtool/objtool --orc /build/jool/src/mod/common/a.o\n`, ['gcc-12']],
    ['Linux 6.12', `savedcmd_/build/jool/src/mod/common/a.o :=  ${command} \n`, ['gcc-12']],
    ['a compiler behind ccache', `savedcmd_a.o := ccache ${command} ; true\n`, ['ccache', 'gcc-12']],
    ['a cross compiler', `savedcmd_a.o := ${command.replace('gcc-12', '/usr/bin/x86_64-linux-gnu-gcc-12')}\n`, ['/usr/bin/x86_64-linux-gnu-gcc-12']],
  ])('gives the compiler and the flags of all files: %s', (_, text, cc) => {
    expect(compilerCommand(text)).toEqual({ cc, flags })
  })

  test.each([
    ['clang', `savedcmd_a.o := ${command.replace('gcc-12', 'clang-16')}\n`],
    ['nothing', ''],
  ])('is refused when the compiler is %s', (_, text) => {
    expect(() => compilerCommand(text)).toThrow('kbuild does not use gcc')
  })
})

describe('compiling with kernel headers parsed once', () => {
  interface Ran { argv: Argv; kbuild: string; prefix: Record<string, string> }

  /** Jool's sources, and a build root in which the program for which `fails` has an answer ends so. */
  async function compile(kbuildText: string, fails: (argv: Argv) => Error | undefined = () => undefined): Promise<{ work: string; done: Promise<boolean>; ran: Ran[]; notes: string[] }> {
    const work = await temporaryFolder()
    const common = join(work, 'src/mod/common')
    await mkdir(join(common, 'b'), { recursive: true })
    await mkdir(join(work, 'src/common'))
    await writeFile(join(common, 'Kbuild'), kbuildText)
    await writeFile(join(common, 'a.c'), '#define IN_A 1\n#include <linux/module.h>\n# define\tIN_A_TOO(x) x\n')
    await writeFile(join(common, 'b/c.h'), '  #undef FROM_B\n// #define COMMENT\n')
    await writeFile(join(common, 'Makefile'), '#define NOT_C\n')
    await writeFile(join(work, 'src/common/xlat.h'), '#ifndef XLAT_H\n#define XLAT_H\n#endif\n')
    const ran: Ran[] = []
    const notes: string[] = []
    const inRoot = async (argv: Argv): Promise<void> => {
      const dir = join(work, 'prefix-header')
      const files = await readdir(dir)
      ran.push({ argv, kbuild: await readFile(join(common, 'Kbuild'), 'utf8'), prefix: Object.fromEntries(await Promise.all(files.map(async (name) => [name, await readFile(join(dir, name), 'utf8')] as const))) })
      const failure = fails(argv)
      if (failure) throw failure
      if (argv[1] === 'common/a.o') await writeFile(join(common, '.a.o.cmd'), `savedcmd_a.o := ${command}\n`)
    }
    const done = compileWithPrefixHeader(work, { inRoot, kbuild: (target) => ['make', target], log: { note: (text) => notes.push(text), step: () => undefined } })
    return { work, done, ran, notes }
  }

  test('asks kbuild for its flags, compiles the headers with them, has gcc say that no name of Jool\'s is in them, then makes the modules', async () => {
    const { work, done, ran, notes } = await compile(kbuild)
    expect([await done, notes]).toEqual([true, []])
    expect(ran.map(({ argv }) => argv)).toEqual([
      ['make', 'common/a.o'],
      ['gcc-12', '@/build/jool/prefix-header/flags', '-x', 'c-header', '-o', '/build/jool/prefix-header/kernel.h.gch', '/build/jool/prefix-header/kernel.h'],
      ['gcc-12', '@/build/jool/prefix-header/flags', '@/build/jool/prefix-header/names', '-Wfatal-errors', '-Werror=invalid-pch', '-include', '/build/jool/prefix-header/kernel.h', '-fsyntax-only', '-x', 'c', '/dev/null'],
      ['make', 'modules'],
    ])
    const last = ran.at(-1)
    expect(last?.kbuild).toBe(`${kbuild}\noverride basename_flags :=\nNOSTDINC_FLAGS += -Werror=invalid-pch -include /build/jool/prefix-header/kernel.h\n`)
    expect(last?.prefix['flags']).toBe(`${flags.join('\n')}\n`)
    expect(last?.prefix['names']).toBe('-DFROM_B\n-DIN_A\n-DIN_A_TOO\n-DXLAT_H\n')
    expect(last?.prefix['kernel.h']).toMatch(/^#ifndef __GENKSYMS__\n#include <linux\/kconfig\.h>\n#include <linux\/compiler_types\.h>\n(#include <(linux|net)\/\w+\.h>\n)+#endif\n$/)
    expect(await readdir(work)).toEqual(['src'])
  })

  test.each([
    ['the first object', 'common/a.o', 1],
    ['the header', '-x', 2],
    ['a name that Jool defines', '@/build/jool/prefix-header/names', 3],
    ['the modules', 'modules', 4],
  ])('is given up where gcc refuses %s: the sources are as before, and a note gives its words', async (_, word, calls) => {
    const { work, done, ran, notes } = await compile(kbuild, (argv) => argv.includes(word) ? new ForgeError('E_COMPILE', 'could not compile', { details: '$ gcc\ncc1: error: kernel.h.gch: not used because `DEBUG\' is defined\nmake: *** [a.o] Error 1' }) : undefined)
    expect([await done, ran.length, notes]).toEqual([false, calls, ['compiling without precompiled kernel headers: kernel.h.gch: not used because `DEBUG\' is defined']])
    expect(await readFile(join(work, 'src/mod/common/Kbuild'), 'utf8')).toBe(kbuild)
    expect(await readdir(work)).toEqual(['src'])
  })

  test('is given up where kbuild leaves its commands elsewhere', async () => {
    const { done, notes } = await compile(kbuild.replace('a.o', 'z.o'))
    expect([await done, notes]).toEqual([false, [expect.stringMatching(/^compiling without precompiled kernel headers: ENOENT.*\.z\.o\.cmd/)]])
  })

  test.each(['E_INTERRUPTED', 'E_DISK_FULL', 'E_TIMEOUT'] as const)('ends with %s where that happens, nothing is compiled again', async (code) => {
    const { work, done, notes } = await compile(kbuild, () => new ForgeError(code, 'no'))
    expect(await rejection(done)).toMatchObject({ code })
    expect([notes, await readdir(work)]).toEqual([[], ['src']])
  })

  test.each([
    ['few files', 'jool_common-y := a.o b.o c.o d.o e.o f.o g.o\n'],
    ['a Kbuild file that lists none', 'obj-m += jool_common.o\n'],
  ])('is not tried for %s', async (_, text) => {
    const { done, ran, notes } = await compile(text)
    expect([await done, ran, notes]).toEqual([false, [], []])
  })
})
