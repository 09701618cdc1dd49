import { mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { extractTar, type ExtractOptions } from '../../../../scripts/lib/extract.ts'
import { rejection } from '../../../support/rejection.ts'
import { tarFile, type TarEntry } from '../../../support/tar-file.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

const limits = { maxBytes: 1 << 20, maxEntries: 100 }

async function unpack(archive: readonly TarEntry[] | Buffer, options: Partial<ExtractOptions> = {}) {
  const dir = await temporaryFolder()
  const file = join(dir, 'archive.tar')
  await writeFile(file, Buffer.isBuffer(archive) ? archive : tarFile(archive))
  const to = join(dir, 'parent/to')
  return { dir, to, done: extractTar(file, to, { limits, ...options }) }
}

/** Nothing but the archive itself may be there afterwards. */
async function refused(archive: readonly TarEntry[] | Buffer, options: Partial<ExtractOptions> = {}): Promise<string> {
  const { dir, done } = await unpack(archive, options)
  const error = await rejection(done)
  expect(error.code).toBe('E_ARCHIVE')
  expect(await readdir(dir, { recursive: true })).toEqual(['archive.tar'])
  return error.message.slice(join(dir, 'archive.tar').length)
}

const good: TarEntry = { path: 'jool-4.1.13/README', data: 'read me\n' }

describe('an honest archive', () => {
  const entries: TarEntry[] = [
    { path: 'jool-4.1.13/', type: 'directory' }, good,
    { path: 'jool-4.1.13/src/mod/core.c', data: 'int x;\n' },
    { path: 'jool-4.1.13/src/link', type: 'symlink', link: '../README' },
    { path: 'jool-4.1.13/hard', type: 'hardlink', link: 'jool-4.1.13/README' },
  ]

  test.each([['plain', tarFile(entries)], ['gzip', gzipSync(tarFile(entries))]])('is unpacked without its top folder (%s)', async (_kind, archive) => {
    const { to, done } = await unpack(archive, { strip: 1 })
    await done
    expect((await readdir(to, { recursive: true })).sort()).toEqual(['README', 'hard', 'src', 'src/link', 'src/mod', 'src/mod/core.c'])
    expect(await readFile(join(to, 'src/mod/core.c'), 'utf8')).toBe('int x;\n')
    expect(await readlink(join(to, 'src/link'))).toBe('../README')
    expect((await stat(join(to, 'hard'))).ino).toBe((await stat(join(to, 'README'))).ino)
  })

  test('is unpacked in part when asked to, and what is left out may be of any type', async () => {
    const { to, done } = await unpack([{ path: './usr/src/a', data: 'a' }, { path: './usr/srcs', data: 'b' }, { path: './dev/null', type: 'characterDevice' }, { path: './etc/x', type: 'symlink', link: '/etc/y' }], { only: ['usr/src'] })
    await done
    expect((await readdir(to, { recursive: true })).sort()).toEqual(['usr', 'usr/src', 'usr/src/a'])
  })

  test('is unpacked in part by what the caller says of each path', async () => {
    const { to, done } = await unpack([{ path: './lib/modules/6.6/a.ko', data: 'a' }, { path: './lib/modules/6.6/build', type: 'symlink', link: '/usr/src/x' }], { only: (path) => path.startsWith('lib/') && !path.endsWith('/build') })
    await done
    expect(await readdir(join(to, 'lib/modules/6.6'))).toEqual(['a.ko'])
  })

  test('gives nobody another\'s rights', async () => {
    const { to, done } = await unpack([{ path: 'tool', data: 'x', mode: 0o6777 }, { path: 'dir', type: 'directory', mode: 0o1777 }])
    await done
    expect([(await stat(join(to, 'tool'))).mode & 0o7777, (await stat(join(to, 'dir'))).mode & 0o7777]).toEqual([0o755, 0o755])
  })

  test('may hold exactly as many entries and bytes as are allowed', async () => {
    const { done } = await unpack([{ path: 'a', data: 'x'.repeat(10) }, { path: 'b', data: 'x'.repeat(10) }], { limits: { maxEntries: 2, maxBytes: 20 } })
    await done
  })
})

describe('a hostile archive is refused before anything is written', () => {
  test.each<[string, TarEntry, string]>([
    ['an absolute path', { path: '/tmp/evil', data: 'x' }, ': "/tmp/evil" lies outside the folder; nothing was unpacked'],
    ['a path above the folder', { path: '../evil', data: 'x' }, ': "../evil" lies outside the folder; nothing was unpacked'],
    ['a path that climbs out on the way', { path: 'a/../../evil', data: 'x' }, ': "a/../../evil" lies outside the folder; nothing was unpacked'],
    ['a symbolic link above the folder', { path: 'a/link', type: 'symlink', link: '../../evil' }, ': "a/link" links to "../../evil" outside the folder; nothing was unpacked'],
    ['an absolute symbolic link', { path: 'link', type: 'symlink', link: '/etc/passwd' }, ': "link" links to "/etc/passwd" outside the folder; nothing was unpacked'],
    ['a hard link above the folder', { path: 'hard', type: 'hardlink', link: '../evil' }, ': "hard" links to "../evil" outside the folder; nothing was unpacked'],
    ['an absolute hard link', { path: 'hard', type: 'hardlink', link: '/etc/passwd' }, ': "hard" links to "/etc/passwd" outside the folder; nothing was unpacked'],
    ['a character device', { path: 'null', type: 'characterDevice' }, ': "null" is a CharacterDevice; nothing was unpacked'],
    ['a block device', { path: 'sda', type: 'blockDevice' }, ': "sda" is a BlockDevice; nothing was unpacked'],
    ['a FIFO', { path: 'pipe', type: 'fifo' }, ': "pipe" is a FIFO; nothing was unpacked'],
  ])('%s', async (_what, entry, message) => {
    expect(await refused([good, entry])).toBe(message)
  })

  test('too many entries', async () => {
    expect(await refused(Array.from({ length: 101 }, (_unused, index) => ({ path: `f${String(index)}` })))).toBe(': "f100" is entry 101, more than the 100 that are plausible; nothing was unpacked')
  })

  test('too much data, also when it is compressed to little', async () => {
    expect(await refused(gzipSync(tarFile([good, { path: 'zeros', data: Buffer.alloc(2 << 20) }])))).toBe(': "zeros" brings the archive above 1 MiB; nothing was unpacked')
  })

  test('a size that only the header claims', async () => {
    expect(await refused([{ path: 'huge', sizeBytes: 0o77777777777 }])).toBe(': "huge" brings the archive above 1 MiB; nothing was unpacked')
  })

  test('a link that stays inside only as long as the top folder is there', async () => {
    expect(await refused([{ path: 'top/link', type: 'symlink', link: '../evil' }], { strip: 1 })).toBe(': "top/link" links to "../evil" outside the folder; nothing was unpacked')
  })

  test('a link that climbs out through another link', async () => {
    expect(await refused([{ path: 'a/b/up', type: 'symlink', link: '../..' }, { path: 'out', type: 'symlink', link: 'a/b/up/../evil' }])).toBe(': "out" links to "a/b/up/../evil" outside the folder; nothing was unpacked')
  })
})

test('nothing is written through a link of the archive', async () => {
  const { dir, done } = await unpack([{ path: 'real/x', data: 'x' }, { path: 'link', type: 'symlink', link: 'real' }, { path: 'link/evil', data: 'x' }])
  await rejection(done)
  expect((await readdir(dir, { recursive: true })).filter((path) => path.endsWith('evil'))).toEqual([])
})

describe('a damaged archive is refused', () => {
  const noise = Buffer.from(Array.from({ length: 60_000 }, (_unused, index) => (index * index * 7 + (index >> 3)) & 0xff))
  const big = [good, { path: 'big', data: noise }]
  test.each([
    ['cut off', tarFile(big).subarray(0, 30_000)],
    ['cut off inside its compression', gzipSync(tarFile(big)).subarray(0, -2000)],
    ['with a wrong checksum', (() => { const bytes = tarFile([good]); bytes[0] = 0x58; return bytes })()],
    ['that is text', Buffer.from('<html>404 not found</html>\n'.repeat(100))],
    ['that is empty', Buffer.alloc(0)],
    ['that holds nothing', tarFile([])],
  ])('%s', async (_what, archive) => {
    expect(await refused(archive)).toMatch(/^ is damaged or not a tar archive: /)
  })

  test('that is not there', async () => {
    const dir = await temporaryFolder()
    expect(await rejection(extractTar(join(dir, 'absent.tar'), join(dir, 'to'), { limits }))).toMatchObject({ code: 'E_ARCHIVE' })
  })
})

test('what was in the folder before does not become a way out', async () => {
  const dir = await temporaryFolder()
  await mkdir(join(dir, 'to'))
  await writeFile(join(dir, 'a.tar'), tarFile([{ path: 'x', type: 'symlink', link: '.' }, { path: 'x/../../evil', data: 'x' }]))
  await rejection(extractTar(join(dir, 'a.tar'), join(dir, 'to'), { limits }))
  expect((await readdir(dir)).sort()).toEqual(['a.tar', 'to'])
})
