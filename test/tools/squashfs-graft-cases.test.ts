import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { writeGraft } from '../support/write-graft.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const listTree = fileURLToPath(new URL('../support/list-tree.py', import.meta.url))
const tools = needsTools('mksquashfs', 'xz', '/usr/bin/python3') && process.getuid?.() === 0

const entries = process.env['NAT64_FORGE_FULL'] === '1' ? 100_000 : 10_000

/** What trees that are made at random do not have. */
const make = `
python3 - <<'END'
import os, socket, struct
server = socket.socket(socket.AF_UNIX); server.bind('socket')
os.mkdir('programs')
open('programs/ping', 'w').write('a program'); os.setxattr('programs/ping', 'security.capability', struct.pack('<IIIII', 0x02000001, 1 << 13, 0, 0, 0))
os.mkdir('large')
for number in range(${String(entries)}): open('large/entry-%d' % number, 'w').close()
os.link('large/entry-5', 'large-5')
END
mkdir twice keep; echo one > twice/a; ln twice/a twice/b; ln twice/a keep/c; mkdir -p gone/deep opaque; echo x > gone/deep/x; echo x > opaque/x
chown 70000:4000000000 keep/c; echo file > becomes-folder; mkdir becomes-file becomes-socket; ln -s keep becomes-file-2; mknod null c 1 3`
const change = `
python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('new-socket')"
echo more >> twice/a; ln keep/c keep/d; rm -rf gone opaque; mkdir opaque; echo new > opaque/y
rm -r becomes-folder becomes-file becomes-file-2 becomes-socket; mkdir becomes-folder; echo file > becomes-file; echo file > becomes-file-2; mkfifo becomes-socket
rm large/entry-99 large/entry-5000; echo changed > large/entry-7777; echo new > large/between; echo linked >> large-5
mv null renamed; chmod 700 programs; truncate -s 3M sparse; echo end >> sparse`

describe.skipIf(!tools)('a difference with what is rare', () => {
  test.each([['lz4']])('is shown by the kernel as overlayfs shows it, and costs no more than two per cent: sockets, capabilities, links across the seam, a folder of very many entries, with %s', { timeout: 30 * 60_000 }, async (compressor) => {
    const dir = await temporaryFolder()
    const file = (name: string): string => join(dir, name)
    const pack = (tree: string, image: string): string => `mksquashfs ${tree} ${image} -comp ${compressor} -b 256K -noappend -no-progress -quiet`
    await writeFile(file('make.sh'), [
      'set -e', 'mkdir lower upper work merged out', `(cd lower\n${make}\n)`, pack('lower', 'old.squashfs'), 'chmod --reference=lower upper; touch --reference=lower upper',
      'mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work,redirect_dir=off,metacopy=off,index=off merged', `(cd merged\n${change}\n)`,
      pack('upper', 'difference.squashfs'), pack('merged', 'repacked.squashfs'), '',
    ].join('\n'))
    await exec(['bash', 'make.sh'], { cwd: dir, contained: true })
    const sizeBytes = await writeGraft({ old: file('old.squashfs'), difference: file('difference.squashfs'), to: file('grafted.squashfs'), workDir: file('out'), exec })
    const mounted = async (image: string): Promise<string> => (await exec(['bash', '-c', 'mkdir -p m && mount -t squashfs -o ro,loop "$1" m && /usr/bin/python3 "$0" m', listTree, image], { cwd: dir, contained: true })).stdout
    const [ours, theirs] = [await mounted('grafted.squashfs'), await mounted('repacked.squashfs')]
    expect(ours === theirs ? '' : ours.split('\n').filter((line, index) => line !== theirs.split('\n')[index]).slice(0, 10)).toBe('')
    for (const [what, line] of [['a socket', /^b'\/new-socket' s/m], ['a capability', /^b'\/programs\/ping' .*security\.capability=/m], ['an owner', /^b'\/keep\/d' \S+ 70000 4000000000 /m], ['a new name in the large folder', /^b'\/large\/between' /m]] as const) expect(ours, what).toMatch(line)
    expect(ours).not.toMatch(/^b'\/large\/entry-5000' /m)
    const [old, difference] = [(await stat(file('old.squashfs'))).size, (await stat(file('difference.squashfs'))).size]
    expect(sizeBytes).toBeLessThanOrEqual((old + difference) * 1.02)
  })

  test.each(['xz', 'gzip'])('costs no more than two per cent also in an image of little but folders, with %s', async (compressor) => {
    const dir = await temporaryFolder()
    const file = (name: string): string => join(dir, name)
    const pack = (tree: string, image: string): string => `mksquashfs ${tree} ${image} -comp ${compressor} -b 256K -noappend -no-progress -quiet`
    await writeFile(file('make.sh'), [
      'set -e', 'mkdir old difference out', 'for outer in $(seq 80); do for inner in $(seq 100); do echo old/some-$outer/folder-$inner; done; done | xargs mkdir -p',
      // So that folders of a long listing and of a short one are at all depths.
      'mkdir -p old/deep/$(seq -s / 200) difference/deep/1/new; echo x > old/deep/1/2/3/file; echo y > difference/deep/1/new/file', 'cp -a old merged; cp -a difference/. merged; touch --reference=difference merged; touch --reference=difference/deep merged/deep; touch --reference=difference/deep/1 merged/deep/1',
      pack('old', 'old.squashfs'), pack('difference', 'difference.squashfs'), '',
    ].join('\n'))
    await exec(['bash', 'make.sh'], { cwd: dir })
    const sizeBytes = await writeGraft({ old: file('old.squashfs'), difference: file('difference.squashfs'), to: file('grafted.squashfs'), workDir: file('out'), exec })
    const tree = async (path: string): Promise<string> => (await exec(['/usr/bin/python3', listTree, path])).stdout
    await exec(['unsquashfs', '-quiet', '-no-progress', '-dest', file('unpacked'), file('grafted.squashfs')])
    expect(await tree(file('unpacked')) === await tree(file('merged'))).toBe(true)
    await exec(['bash', '-c', 'mkdir -p m && mount -t squashfs -o ro,loop grafted.squashfs m && diff -r m merged'], { cwd: dir, contained: true })
    const [old, difference] = [(await stat(file('old.squashfs'))).size, (await stat(file('difference.squashfs'))).size]
    expect(sizeBytes).toBeLessThanOrEqual((old + difference) * 1.02)
  })
})
