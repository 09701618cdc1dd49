import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

// With MODVERSIONS every source that exports something is preprocessed a second time, for genksyms. That is a third of
// the work of a build whose objects all come from ccache. Dressed as a compiler, genksyms has its results kept as well.

/** Read by every make before the kernel's own files: their definition of this command gives way. */
const makefile = [
  'override cmd_gensymtypes_c = { CCACHE_EXTRAFILES=scripts/genksyms/genksyms ccache /build/kernel/tools/gcc -D__GENKSYMS__ \\',
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
const compiler = `#!/bin/sh
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

/** Puts both into `dir`, seen as /build/kernel/tools, and resolves to the variables that make it work. */
export async function installSymbolCache(dir: string): Promise<Record<string, string>> {
  await mkdir(dir)
  await writeFile(join(dir, 'kbuild.mk'), makefile)
  await writeFile(join(dir, 'gcc'), compiler, { mode: 0o755 })
  return { MAKEFILES: '/build/kernel/tools/kbuild.mk' }
}
