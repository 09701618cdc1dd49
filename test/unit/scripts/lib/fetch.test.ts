import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { RemoteFile } from '../../../../scripts/domain/remote-file.ts'
import { sha256Of } from '../../../../scripts/lib/digest.ts'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import type { Exec } from '../../../../scripts/lib/exec.ts'
import { createFetch, createTake, type FetchContext } from '../../../../scripts/lib/fetch.ts'
import { silentLog } from '../../../../scripts/lib/log.ts'
import { Store } from '../../../../scripts/pipeline/store.ts'
import { rejection } from '../../../support/rejection.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

const content = 'a tarball, said to be\n'
const fileAt = (url: string, text = content): RemoteFile => ({ fileName: 'jool.tar.gz', sizeBytes: text.length, sha256: sha256Of(text), from: { url } })
const inArchive = (name: string): RemoteFile => ({ fileName: name, sizeBytes: name.length, sha256: sha256Of(name), from: { archive: 'debian', path: `pool/a b/${name}` } })

async function setting(given: Partial<FetchContext> = {}) {
  const dir = await temporaryFolder()
  const store = await Store.open(join(dir, 'store'))
  const calls: (readonly string[])[] = []
  /** A downloader that has the files whose names it was given, by the digest asked for. */
  const downloader = (has: readonly string[], words?: string): Exec => async (argv) => {
    calls.push(argv)
    if (argv[0] === 'apt-config') return { stdout: '', stderr: '', exitStatus: 0 }
    for (let at = 2; at < argv.length; at += 3) {
      const name = has.find((candidate) => argv[at + 2] === `SHA256:${sha256Of(candidate)}`)
      if (name !== undefined) await writeFile(argv[at + 1] ?? '', name)
    }
    if (words !== undefined) throw new ForgeError('E_DOWNLOAD', 'could not fetch', { details: words })
    return { stdout: '', stderr: '', exitStatus: 0 }
  }
  const context: FetchContext = {
    exec: downloader([]), log: silentLog, blobs: store, workDir: store.workDir, offline: false,
    mirrors: () => Promise.resolve({ debian: 'http://m.example/debian', 'debian-security': 'http://m.example/security' }), ...given,
  }
  return { dir, store, calls, downloader, context, fetch: createFetch(context) }
}

describe('a file that a target names by file: URL', () => {
  test('is copied into the store by its digest, also offline', async () => {
    const { dir, store, fetch, calls } = await setting({ offline: true })
    await writeFile(join(dir, 'jool.tar.gz'), content)
    const file = fileAt(pathToFileURL(join(dir, 'jool.tar.gz')).href)
    expect(await fetch([file, file])).toEqual([store.blobPath(file.sha256), store.blobPath(file.sha256)])
    expect(await readFile(store.blobPath(file.sha256), 'utf8')).toBe(content)
    expect(store.blobPath(file.sha256)).toBe(join(store.dir, 'blobs', file.sha256.slice(0, 2), file.sha256))
    expect([calls, await readdir(store.workDir)]).toEqual([[], []])
  })

  test('with another digest is refused and not kept', async () => {
    const { dir, store, fetch } = await setting()
    await writeFile(join(dir, 'jool.tar.gz'), 'something else entirely')
    const file = fileAt(pathToFileURL(join(dir, 'jool.tar.gz')).href)
    expect(await rejection(fetch([file]))).toMatchObject({ code: 'E_DIGEST', exitStatus: 65, message: `jool.tar.gz has the SHA-256 ${sha256Of('something else entirely')}, expected ${file.sha256}` })
    expect(await store.hasBlob(file)).toBe(false)
    expect(await readdir(store.workDir)).toEqual([])
  })

  test('that is not there is named', async () => {
    const { dir, fetch } = await setting()
    expect(await rejection(fetch([fileAt(pathToFileURL(join(dir, 'gone.tar.gz')).href)]))).toMatchObject({ code: 'E_VANISHED', message: `gone.tar.gz is not there: ${dir}/gone.tar.gz` })
  })
})

describe('a mirror folder', () => {
  test('stands for the network, by file name', async () => {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'jool.tar.gz'), content)
    const { store, fetch, calls } = await setting({ mirrorDir: dir, offline: true })
    expect(await fetch([fileAt('https://upstream.example/releases/jool.tar.gz')])).toEqual([store.blobPath(sha256Of(content))])
    expect(calls).toEqual([])
  })

  test('does not stand for Debian\'s archive', async () => {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'a.deb'), 'a.deb')
    const { fetch } = await setting({ mirrorDir: dir, offline: true })
    expect(await rejection(fetch([inArchive('a.deb')]))).toMatchObject({ code: 'E_OFFLINE' })
  })

  test('is asked no more once the store has the file', async () => {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'jool.tar.gz'), content)
    const { fetch, context } = await setting({ mirrorDir: dir })
    const file = fileAt('https://upstream.example/jool.tar.gz')
    await fetch([file])
    expect(await createFetch({ ...context, mirrorDir: '/nonexistent' })([file])).toHaveLength(1)
  })
})

describe('a file of which nobody named a digest', () => {
  test('is kept and described, for a lock to name; from a mirror folder or from where it lies', async () => {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'headers.deb'), content)
    const described = (url: string): object => ({ fileName: 'headers.deb', sizeBytes: content.length, sha256: sha256Of(content), from: { url } })
    for (const [url, mirrorDir] of [['https://upstream.example/headers.deb', dir], [pathToFileURL(join(dir, 'headers.deb')).href, undefined], [pathToFileURL(join(dir, 'headers.deb')).href, '/nonexistent']] as const) {
      const { context, store, calls } = await setting({ mirrorDir, offline: true })
      expect(await createTake(context)(url)).toEqual(described(url))
      expect(await readFile(store.blobPath(sha256Of(content)), 'utf8')).toBe(content)
      expect([calls, await readdir(store.workDir)]).toEqual([[], []])
    }
  })

  test('is downloaded by apt\'s downloader', async () => {
    const calls: (readonly string[])[] = []
    const exec: Exec = async (argv) => {
      calls.push(argv)
      if (argv[1] === 'download-file') await writeFile(argv[3] ?? '', content)
      return { stdout: '', stderr: '', exitStatus: 0 }
    }
    const { context, store } = await setting({ exec })
    expect(await createTake(context)('https://upstream.example/pool/linux-headers-6.6.54-vyos_6.6.54-1%2Bb1_amd64.deb')).toMatchObject({ fileName: 'linux-headers-6.6.54-vyos_6.6.54-1+b1_amd64.deb', sha256: sha256Of(content) })
    expect(calls[1]?.slice(0, 3)).toEqual(['/usr/lib/apt/apt-helper', 'download-file', 'https://upstream.example/pool/linux-headers-6.6.54-vyos_6.6.54-1%2Bb1_amd64.deb'])
    expect(await readdir(store.workDir)).toEqual([])
  })

  test('that is not there, or not to be fetched, is an error', async () => {
    const { context, downloader, store } = await setting()
    const url = 'https://upstream.example/headers.deb'
    expect(await rejection(createTake({ ...context, exec: downloader([], 'Err: 404  Not Found') })(url))).toMatchObject({ code: 'E_VANISHED', message: `${url} is not there` })
    expect(await rejection(createTake({ ...context, exec: downloader([], 'Could not resolve') })(url))).toMatchObject({ code: 'E_DOWNLOAD' })
    expect(await rejection(createTake({ ...context, offline: true })(url))).toMatchObject({ code: 'E_OFFLINE' })
    expect(await readdir(store.workDir)).toEqual([])
  })
})

describe('files of an archive', () => {
  test('are fetched by one call of apt\'s downloader, from the mirror, by digest', async () => {
    const { store, calls, downloader, context } = await setting()
    expect(await createFetch({ ...context, exec: downloader(['a.deb', 'b.deb']) })([inArchive('a.deb'), inArchive('b.deb')])).toEqual([store.blobPath(sha256Of('a.deb')), store.blobPath(sha256Of('b.deb'))])
    const call = calls.find((argv) => argv[0] === '/usr/lib/apt/apt-helper') ?? []
    expect(call.map((word) => word.replace(/^\/.*\/fetch-\d+\//, 'WORK/'))).toEqual([
      '/usr/lib/apt/apt-helper', 'download-file',
      'http://m.example/debian/pool/a%20b/a.deb', `WORK/${sha256Of('a.deb')}`, `SHA256:${sha256Of('a.deb')}`,
      'http://m.example/debian/pool/a%20b/b.deb', `WORK/${sha256Of('b.deb')}`, `SHA256:${sha256Of('b.deb')}`,
    ])
  })

  test('that arrived before a failure are kept, and not fetched again', async () => {
    const { calls, downloader, context } = await setting()
    const files = [inArchive('a.deb'), inArchive('b.deb')]
    expect(await rejection(createFetch({ ...context, exec: downloader(['a.deb'], 'E: Connection failed') })(files))).toMatchObject({ code: 'E_DOWNLOAD' })
    calls.length = 0
    await createFetch({ ...context, exec: downloader(['b.deb']) })(files)
    expect(calls.filter((argv) => argv.some((word) => word.endsWith('/a.deb')))).toEqual([])
  })

  test('that have vanished are named, with what to do', async () => {
    const { downloader, context } = await setting()
    const failing = createFetch({ ...context, exec: downloader([], 'E: Failed to fetch http://m.example/x  404  Not Found') })
    expect(await rejection(failing(['a', 'b', 'c', 'd', 'e'].map((name) => inArchive(`${name}.deb`))))).toMatchObject({
      code: 'E_VANISHED', exitStatus: 69, message: 'the mirror no longer has a.deb, b.deb, c.deb and 2 more', hint: expect.stringContaining('--update'),
    })
  })

  test('that arrived altered are refused', async () => {
    const { store, downloader, context } = await setting()
    const file = inArchive('a.deb')
    const altering: Exec = async (argv, options) => {
      if (argv[0] !== 'apt-config') await writeFile(argv[3] ?? '', 'A.deb')
      return downloader([], 'E: Hash Sum mismatch')(argv, options)
    }
    expect(await rejection(createFetch({ ...context, exec: altering })([file]))).toMatchObject({ code: 'E_DIGEST', message: `a.deb arrived with another SHA-256 than ${file.sha256}` })
    await expect(access(store.blobPath(file.sha256))).rejects.toThrow()
  })

  test('that did not arrive although nothing failed are an error all the same', async () => {
    const { fetch } = await setting()
    expect(await rejection(fetch([inArchive('a.deb')]))).toMatchObject({ code: 'E_DOWNLOAD', message: 'could not fetch a.deb' })
  })

  test('are not fetched offline, but taken from the store', async () => {
    const { downloader, context } = await setting()
    const offline = createFetch({ ...context, offline: true })
    expect(await rejection(offline([inArchive('a.deb'), inArchive('b.deb')]))).toMatchObject({ code: 'E_OFFLINE', message: '2 files are not in the store (the first: a.deb), and --offline forbids fetching them' })
    await createFetch({ ...context, exec: downloader(['a.deb']) })([inArchive('a.deb')])
    expect(await offline([inArchive('a.deb')])).toHaveLength(1)
  })
})

test.each([['cut short', 'a.d'], ['changed on the disk', 'a.dbe']])('a download that was %s does not count as there', async (_what, damaged) => {
  const { store, context, downloader } = await setting()
  const file = inArchive('a.deb')
  await mkdir(join(store.dir, 'blobs', file.sha256.slice(0, 2)), { recursive: true })
  await writeFile(store.blobPath(file.sha256), damaged)
  await createFetch({ ...context, exec: downloader(['a.deb']) })([file])
  expect(await readFile(store.blobPath(file.sha256), 'utf8')).toBe('a.deb')
})
