import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { ArtifactsBefore } from '../../packaging/debs/inputs.ts'
import { sha256Of } from '../../scripts/lib/digest.ts'

const man = (name: string): string => `.TH ${name} 8 2026-01-01 jool "System Manager's Manual"\n.SH NAME\n${name} \\- made up for a test\n.SH SYNOPSIS\n.B ${name}\n`

/** Artifacts of the earlier stages in miniature: a few bytes posing as modules, scripts posing as programs. */
export async function madeUpArtifacts(dir: string): Promise<ArtifactsBefore> {
  const put = async (path: string, data: string | Buffer): Promise<void> => {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), data)
  }
  const names = ['jool_common', 'jool', 'jool_siit'] as const
  for (const name of names) await put(`modules/${name}.ko`, `module ${name}\n`)
  await put('source/src/src/mod/common/core.c', 'int main;\n')
  await put('source/src/configure', '#!/bin/sh\n')
  await chmod(join(dir, 'source/src/configure'), 0o755)
  for (const name of ['jool', 'jool_siit', 'joold']) {
    await put(`source/tools/usr/bin/${name}`, '#!/bin/sh\necho 4.1.13\n')
    // One page compressed, as Debian ships it, the others as autotools installs them.
    await put(`source/tools/usr/share/man/man8/${name}.8${name === 'jool' ? '.gz' : ''}`, name === 'jool' ? gzipSync(man(name), { level: 9 }) : man(name))
  }
  for (const name of ['jool', 'jool_siit']) {
    await put(`source/tools/usr/share/bash-completion/completions/${name}`, '# made up\n')
    await put(`source/tools/usr/lib/x86_64-linux-gnu/xtables/libxt_${name.toUpperCase()}.so`, 'made up\n')
  }
  // Debian's own unit and init script, which must not land in the package.
  await put('source/tools/etc/init.d/jool', '#!/bin/sh\n')
  await put('source/tools/usr/lib/systemd/system/jool.service', '[Unit]\nDescription=not ours\n')
  return {
    source: {
      dir: join(dir, 'source'), srcDir: 'src',
      tools: { dir: 'tools', depends: ['libc6 (>= 2.34)', 'init-system-helpers (>= 1.51)'], sourceFiles: [] },
      sourceReferences: [{ sourcePackage: 'jool', version: '4.1.13-1.1', files: [], included: false }],
    },
    modules: { dir: join(dir, 'modules'), modules: names.map((name) => ({ name, file: `${name}.ko`, sha256: sha256Of(`module ${name}\n`) })) },
  }
}
