import { unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sha256Of } from '../../../../scripts/lib/digest.ts'
import { fileByUrl, fileChanged, lockedFile, lockGivenFile, nameOf, placeOf } from '../../../../scripts/lib/given-file.ts'
import { rejection } from '../../../support/rejection.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

const notFetched = { fetch: () => Promise.reject(new Error('not expected: a download')) }
const byUrl = { url: 'https://downloads.example/a%20b/router%2B1.iso', sizeBytes: 5, sha256: sha256Of('other') }

describe('a file that a target names by its path', () => {
  test('is used where it lies, with the bytes that it had', async () => {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'router.iso'), 'bytes')
    const locked = await lockGivenFile('router.iso', { targetDir: dir, key: 'iso.from', errorCode: 'E_IMAGE' })
    expect(locked).toEqual({ path: join(dir, 'router.iso'), name: 'router.iso', sha256: sha256Of('bytes') })
    expect(lockedFile.parse(locked)).toEqual(locked)
    expect([await placeOf(locked, notFetched), await fileChanged(locked), nameOf(locked)]).toEqual([join(dir, 'router.iso'), false, 'router.iso'])

    await writeFile(join(dir, 'router.iso'), 'other')
    expect(await fileChanged(locked)).toBe(true)
    expect(await rejection(placeOf(locked, notFetched))).toMatchObject({ code: 'E_LOCK_STALE', hint: expect.stringContaining('--update') as string })
    await unlink(join(dir, 'router.iso'))
    expect(await fileChanged(locked)).toBe(false)
    expect(await rejection(placeOf(locked, notFetched))).toMatchObject({ code: 'E_LOCK_STALE', message: expect.stringContaining('is gone') as string })
  })

  test.each([['missing.iso', 'ENOENT'], ['.', 'it is not a file']])('and that is none (%s) is said with the key of the target', async (path, words) => {
    const error = await rejection(lockGivenFile(path, { targetDir: await temporaryFolder(), key: 'iso.from', errorCode: 'E_IMAGE' }))
    expect([error.code, error.message, error.hint]).toEqual(['E_IMAGE', expect.stringContaining(words), expect.stringContaining('correct iso.from')])
  })
})

test('a file that a target names by URL is fetched, by the digest that the target says', async () => {
  const locked = await lockGivenFile(fileByUrl('iso', 'ISO').parse(byUrl), { targetDir: '/', key: 'iso.from', errorCode: 'E_IMAGE' })
  expect(locked).toEqual({ fileName: 'router+1.iso', sizeBytes: 5, sha256: byUrl.sha256, from: { url: byUrl.url } })
  expect(lockedFile.parse(locked)).toEqual(locked)
  expect(await placeOf(locked, { fetch: (files) => Promise.resolve(files.map(({ fileName }) => `/blobs/${fileName}`)) })).toBe('/blobs/router+1.iso')
  expect([await fileChanged(locked), nameOf(locked)]).toEqual([false, 'router+1.iso'])
  for (const wrong of [{ ...byUrl, url: 'ftp://x/a.iso' }, { ...byUrl, url: 'https://x/a.img' }, { ...byUrl, sha256: 'abc' }, { url: byUrl.url }]) expect(fileByUrl('iso', 'ISO').safeParse(wrong).success).toBe(false)
})
