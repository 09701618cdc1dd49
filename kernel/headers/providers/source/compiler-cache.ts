import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

// How ccache is put before the compiler. With MODVERSIONS every source that exports something is preprocessed a second time, for genksyms. That is a third of
// the work of a build whose objects all come from ccache. Dressed as a compiler, genksyms has its results kept as well.

/** Read by every make before the kernel's own files: their definition of this command gives way. */
const makefile = [
  // No list of headers, so no depend mode here: what was preprocessed for the key is compiled as it is.
  'override cmd_gensymtypes_c = { CCACHE_NOCPP2=1 CCACHE_EXTRAFILES=scripts/genksyms/genksyms ccache /build/kernel/tools/gcc -D__GENKSYMS__ \\',
  '  $(filter-out -Wp$(comma)-MMD%,$(c_flags)) -c -o $@.crcs $< && cat $@.crcs && rm $@.crcs; }',
  // bindeb-pkg makes linux-libc-dev too, which nobody keeps: its thousand headers are copied, not cleaned by five programs each. With HEADERS_INSTALL the kernel's own programs read them.
  'ifneq ($(filter include/uapi arch/%/include/uapi,$(obj)),)',
  "ifeq ($(shell grep -s '^CONFIG_HEADERS_INSTALL=y' .config),)",
  'override cmd_install = cp $< $@',
  'endif',
  'endif',
  '',
].join('\n')

/** "Compiles" a source, preprocessed or not, to the CRCs of what it exports. */
const symbolCompiler = `#!/bin/sh
for word; do
  if [ "$word" = -E ]; then exec /usr/bin/gcc "$@"; fi
  if [ "$before" = -o ]; then out=$word; fi
  case $word in *.c | *.i) in=$word ;; esac
  before=$word
done
case $in in
  *.i) exec scripts/genksyms/genksyms -r /dev/null < "$in" > "$out" ;;
esac
/usr/bin/gcc -E "$@" -o "$out.i" && scripts/genksyms/genksyms -r /dev/null < "$out.i" > "$out" && rm "$out.i"
`

/**
 * ccache in depend mode preprocesses nothing for its key, and so never sees `.incbin`: the kernel's certificates come in that way, and another build's would be
 * taken from the cache. What has it, or may have it, is compiled without ccache.
 */
const cachedCompiler = `#!/bin/sh
for word; do
  case $word in
    *.S) exec /usr/bin/gcc "$@" ;;
    *.c) if grep -qs incbin "$word"; then exec /usr/bin/gcc "$@"; fi ;;
  esac
done
exec /usr/lib/ccache/gcc "$@"
`

/** Puts all three into `dir`, seen as /build/kernel/tools, and resolves to the variables that make them work. */
export async function installCompilerCache(dir: string): Promise<Record<string, string>> {
  await mkdir(join(dir, 'bin'), { recursive: true })
  await writeFile(join(dir, 'kbuild.mk'), makefile)
  await writeFile(join(dir, 'gcc'), symbolCompiler, { mode: 0o755 })
  await writeFile(join(dir, 'bin/gcc'), cachedCompiler, { mode: 0o755 })
  return {
    MAKEFILES: '/build/kernel/tools/kbuild.mk',
    PATH: '/build/kernel/tools/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    // Where ccache looks for the compiler; in PATH it would find what calls it.
    CCACHE_PATH: '/usr/bin',
    CCACHE_DEPEND: '1',
  }
}
