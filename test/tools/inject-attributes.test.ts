import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { inject, type Injection } from '../../images/inject/artifact.ts'
import { differenceOf } from '../../images/inject/difference.ts'
import { openByteSource } from '../../scripts/formats/byte-source.ts'
import { openSquashfs } from '../../scripts/formats/squashfs/squashfs.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { debianLikeIso, debianLikeTools, debianPackage } from '../support/debian-like-iso.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const tools = needsTools(...debianLikeTools, '/usr/bin/python3') && process.getuid?.() === 0
const listTree = fileURLToPath(new URL('../support/list-tree.py', import.meta.url))
const setAll = 'import os, sys\nfor path in sys.argv[2:]:\n  for kind in ("user", "trusted", "security"):\n    os.setxattr(os.path.join(sys.argv[1], path), kind + ".label", b"of " + path.encode() + b"\\0\\xff")\n'

let dir: string
let iso: string
/** What the old image's tree is, a line a name. */
let before: string[]

async function into(from: string, output: string | undefined, script: string, mode: 'graft' | 'repack' = 'graft', packages: readonly string[] = []): Promise<Injection> {
  const workDir = await mkdtemp(join(dir, 'work-'))
  try {
    await writeFile(join(dir, 'script'), `#!/bin/sh\nset -e\n${script}\n`)
    return await inject({ iso: from, packages, script: join(dir, 'script'), output: output === undefined ? undefined : join(dir, output), mode, toolVersion: '1.2.3', exec, log: silentLog, workDir })
  } finally {
    await rm(workDir, { recursive: true })
  }
}

async function treeOf(image: string): Promise<string[]> {
  const to = join(dir, `${basename(image)}.files`)
  await exec(['xorriso', '-osirrox', 'on', '-indev', image, '-extract', '/live', to])
  await exec(['unsquashfs', '-quiet', '-no-progress', '-dest', join(to, 'root'), join(to, 'filesystem.squashfs')])
  return (await exec(['/usr/bin/python3', listTree, join(to, 'root')])).stdout.trimEnd().split('\n')
}

const attributed = ['.', 'usr', 'usr/share', 'usr/sbin', 'usr/bin', 'var/lib', 'mnt', 'usr/share/tool']
/** Lines that are not in the other list. */
const without = (lines: readonly string[], others: readonly string[]): string[] => lines.filter((line) => !others.includes(line))

describe.skipIf(!tools)('what a root has beside its bytes', () => {
  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    iso = await debianLikeIso({ dir, exec, change: async (root) => { await exec(['/usr/bin/python3', '-c', setAll, root, ...attributed]) } })
    before = await treeOf(iso)
    expect(before.filter((line) => line.includes('security.label=')).length).toBe(attributed.length)
  })

  test.each(['graft', 'repack'] as const)('is still there after an injection in the mode %s, of the root and of every folder too', async (mode) => {
    const deb = await debianPackage(dir, exec, { name: 'extra', files: { 'usr/share/extra/file': 'new\n', 'usr/sbin/extra': 'new\n' } })
    await into(iso, `${mode}.iso`, 'true', mode, [deb])
    const after = await treeOf(join(dir, `${mode}.iso`))
    // Times of folders aside, only these are not as they were.
    expect(without(before, after).map((line) => line.split(' ')[0])).toEqual(["b'/var/lib/dpkg/status'"])
    expect(without(after, before).map((line) => line.split(' ')[0])).toEqual([
      "b'/usr/sbin/extra'", "b'/usr/share/doc/nat64-forge'", "b'/usr/share/doc/nat64-forge/manifest.json'", "b'/usr/share/extra'", "b'/usr/share/extra/file'",
      "b'/var/lib/dpkg/info/extra.list'", "b'/var/lib/dpkg/info/extra.md5sums'", "b'/var/lib/dpkg/status'",
    ])
  })

  test('may change alone, in folders too: it is listed, and it is in the new image', async () => {
    const toggle = 'for path in / /mnt /usr/share; do [ "$(ls -ld "$path" | cut -c 8-10)" = "r-x" ] && chmod 700 "$path" || chmod 755 "$path"; done'.replace('| cut -c 8-10', '| sed "s/^.......\\(...\\).*/\\1/"')
    const folders = ({ files }: Injection): unknown[] => files.filter(({ newBytes }) => newBytes === null)
    const changed = ['/', 'mnt', 'usr/share'].map((path) => ({ path, change: 'changed', oldBytes: null, newBytes: null }))
    expect(folders(await into(iso, undefined, toggle))).toEqual(changed)
    const modes = async (name: string): Promise<string[]> => (await treeOf(join(dir, name))).filter((line) => /^b'(|\/mnt|\/usr\/share)' /.test(line)).map((line) => line.split(' ')[1] ?? '')
    expect(folders(await into(iso, 'closed.iso', toggle))).toEqual(changed)
    expect(await modes('closed.iso')).toEqual(['drwx------', 'drwx------', 'drwx------'])
    // The manifest of the second run is that of the first: nothing but the folders changes.
    expect((await into(join(dir, 'closed.iso'), 'open.iso', toggle)).files).toEqual(changed)
    expect(await modes('open.iso')).toEqual(['drwxr-xr-x', 'drwxr-xr-x', 'drwxr-xr-x'])
    await into(join(dir, 'closed.iso'), 'open-repacked.iso', toggle, 'repack')
    expect(await modes('open-repacked.iso')).toEqual(['drwxr-xr-x', 'drwxr-xr-x', 'drwxr-xr-x'])
  })

  test('hides nothing below a folder unless overlayfs would', async () => {
    const [old, upper] = [join(dir, 'plain'), join(dir, 'noted')]
    await exec(['sh', '-ec', 'mkdir -p "$0/a" "$1/a"; echo x > "$0/a/x"; echo y > "$1/a/y"', old, upper])
    const differs = async (value: string): Promise<string[]> => {
      await exec(['/usr/bin/python3', '-c', 'import os, sys\nos.setxattr(sys.argv[1], "trusted.overlay.opaque", sys.argv[2].encode())', join(upper, 'a'), value])
      for (const tree of [old, upper]) await exec(['mksquashfs', tree, `${tree}.squashfs`, '-noappend', '-no-progress', '-quiet'])
      await using one = await openByteSource(`${old}.squashfs`)
      await using other = await openByteSource(`${upper}.squashfs`)
      const deps = { exec, workDir: dir }
      return (await differenceOf(await openSquashfs(one, deps), await openSquashfs(other, deps))).paths.map(({ path, change }) => `${change} ${path}`)
    }
    expect(await differs('y')).toEqual(['removed a/x', 'added a/y'])
    expect(await differs('n')).toEqual(['added a/y'])
  })

  test('is no change where it is a time alone', async () => {
    await into(iso, 'once.iso', 'touch -d 2020-01-01 /etc/group /mnt')
    expect((await into(join(dir, 'once.iso'), 'twice.iso', 'touch -d 2020-01-01 /etc/group /mnt')).files).toEqual([])
    expect(await sha256File(join(dir, 'twice.iso'))).toBe(await sha256File(join(dir, 'once.iso')))
  })
})
