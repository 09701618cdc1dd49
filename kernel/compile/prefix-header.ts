import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ForgeError, isErrno } from '../../scripts/lib/errors.ts'
import type { Argv } from '../../scripts/lib/exec.ts'
import type { Log } from '../../scripts/lib/log.ts'

/** Headers that Jool's files include again and again, in every kernel that any Jool supports. */
const headers = ['linux/module.h', 'linux/netfilter.h', 'linux/skbuff.h', 'net/genetlink.h', 'net/ipv6.h', 'net/tcp.h']

/**
 * Kbuild's own first two headers come first, as they do without this one. Symbol CRCs are computed from the
 * preprocessed text, so there this header is empty and they stay what they are without it.
 */
const text = ['#ifndef __GENKSYMS__', ...['linux/kconfig.h', 'linux/compiler_types.h', ...headers].map((header) => `#include <${header}>`), '#endif', ''].join('\n')

const inside = '/build/jool/prefix-header'
const header = `${inside}/kernel.h`

/**
 * For one folder, because precompiled headers hold for one module name; jool and jool_siit have a file each.
 * gcc takes one only if it comes before all else, and if KBUILD_BASENAME, another in every file, is not defined;
 * LOCK_SECTION_NAME alone asks for it, and a file that does no longer compiles.
 */
const kbuildLines = ['', 'override basename_flags :=', `NOSTDINC_FLAGS += -Werror=invalid-pch -include ${header}`, ''].join('\n')

/** Fewer files than this are compiled sooner than the headers are. */
const worthwhileObjects = 8

export interface PrefixHeaderDeps {
  /** Runs a program in the build root, in the kernel's build tree, with the folder given as /build/jool. @throws ForgeError E_COMPILE */
  inRoot: (argv: Argv) => Promise<unknown>
  /** What has kbuild make a target. */
  kbuild: (target: string) => Argv
  log: Pick<Log, 'note' | 'step'>
}

/**
 * Compiles Jool's modules with kernel headers that gcc has parsed once for all files of `common`: most of the time that kbuild takes is
 * spent on parsing the same 800 headers for each. Only where that cannot change the meaning: gcc itself says whether the
 * headers look at any name that Jool defines (`#define DEBUG` before an include), and refuses them where a flag or macro differs.
 * Resolves to false when the modules are to be compiled without, of which a note says why; `work` is then as it was, but for objects
 * that kbuild makes anew since their command changed.
 * @throws ForgeError as inRoot, except E_COMPILE
 */
export async function compileWithPrefixHeader(work: string, { inRoot, kbuild, log }: PrefixHeaderDeps): Promise<boolean> {
  const common = join(work, 'src/mod/common')
  const kbuildFile = join(common, 'Kbuild')
  const original = await readFile(kbuildFile, 'utf8').catch(() => '')
  const [first, ...others] = objectsOf(original)
  if (first === undefined || others.length + 1 < worthwhileObjects) return false
  const dir = join(work, basename(inside))
  try {
    log.step('precompiling the kernel headers')
    await mkdir(dir)
    await writeFile(join(dir, basename(header)), text)
    await writeFile(kbuildFile, `${original}${kbuildLines}`)
    // Kbuild's flags are read from what it did: their variables differ from kernel to kernel.
    await inRoot(kbuild(`common/${first}`))
    const { cc, flags } = compilerCommand(await readFile(join(common, dirname(first), `.${basename(first)}.cmd`), 'utf8'))
    await writeFile(join(dir, 'flags'), `${flags.join('\n')}\n`)
    const names = await definedNames([join(work, 'src/common'), common])
    await writeFile(join(dir, 'names'), names.map((name) => `-D${name}\n`).join(''))
    await inRoot([...cc, `@${inside}/flags`, '-x', 'c-header', '-o', `${header}.gch`, header])
    await inRoot([...cc, `@${inside}/flags`, `@${inside}/names`, '-Wfatal-errors', '-Werror=invalid-pch', '-include', header, '-fsyntax-only', '-x', 'c', '/dev/null'])
    log.step('compiling with precompiled kernel headers')
    await inRoot(kbuild('modules'))
    return true
  } catch (error) {
    const reason = reasonOf(error)
    if (reason === undefined) throw error
    log.note(`compiling without precompiled kernel headers: ${reason}`)
    await writeFile(kbuildFile, original)
    return false
  } finally {
    // Its 80 MB are of no use to anybody once the objects are there.
    await rm(dir, { recursive: true, force: true })
  }
}

/** Why it cannot be done here; undefined where that is no reason to go on. A `.cmd` file may be missing in a kernel of the future. */
function reasonOf(error: unknown): string | undefined {
  if (isErrno(error, 'ENOENT')) return (error as Error).message
  if (!(error instanceof ForgeError) || error.code !== 'E_COMPILE') return undefined
  return /error: (.*)/.exec(error.details ?? '')?.[1] ?? error.message
}

/** What jool_common is linked from, as its Kbuild file lists it: `db/bib/entry.o`. */
function objectsOf(kbuild: string): string[] {
  return [...kbuild.matchAll(/^jool_common-(?:objs|y)[ \t]*[:+]?=(.*)$/gm)].flatMap(([, words = '']) => words.split(/\s+/).filter((word) => word.endsWith('.o')))
}

/**
 * The compiler and those of its flags that hold for all files, from the `.cmd` file that kbuild leaves beside an object.
 * Words stay quoted as for a shell, which a file of arguments (`gcc @file`) wants too.
 * @throws ForgeError E_COMPILE when it is not gcc
 */
export function compilerCommand(cmdFile: string): { cc: [string, ...string[]]; flags: string[] } {
  const words = /^(?:saved)?cmd_\S+ :=\s+(.*?)\s*(?:;.*)?$/m.exec(cmdFile)?.[1]?.split(/\s+/) ?? []
  const start = words.findIndex((word) => word.startsWith('-'))
  const [compiler, ...wrapped] = words.slice(0, Math.max(start, 0))
  if (compiler === undefined || !/(?:^|[/-])gcc(?:-[\d.]+)?$/.test(wrapped.at(-1) ?? compiler)) throw new ForgeError('E_COMPILE', 'kbuild does not use gcc')
  const flags = words.slice(start).filter((word, index, all) => {
    if (['-include', '-c', '-o'].includes(word) || word.startsWith('-Wp,-M')) return false
    return !['-include', '-o'].includes(all[index - 1] ?? '') && index < all.length - 1
  })
  return { cc: [compiler, ...wrapped], flags }
}

/** All names that C files define or undefine as macros, sorted. */
async function definedNames(dirs: readonly string[]): Promise<string[]> {
  const names = new Set<string>()
  for (const dir of dirs) {
    for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.[ch]$/.test(entry.name)) continue
      const source = await readFile(join(entry.parentPath, entry.name), 'utf8')
      for (const [, name = ''] of source.matchAll(/^[ \t]*#[ \t]*(?:define|undef)[ \t]+(\w+)/gm)) names.add(name)
    }
  }
  return [...names].sort()
}
