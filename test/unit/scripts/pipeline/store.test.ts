import { access, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { parseSize } from '../../../../scripts/commands/store.ts'
import { sha256Of } from '../../../../scripts/lib/digest.ts'
import { collectGarbage, fromFileSystem, Store, storeUsage, type StoredRecord } from '../../../../scripts/pipeline/store.ts'
import { rejection } from '../../../support/rejection.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

const record: StoredRecord = { artifact: { made: true }, inputs: { plan: 'x' }, ms: 5 }
const key = sha256Of('key')
const making = (text: string, calls: string[] = []) => async (dir: string): Promise<StoredRecord> => {
  calls.push(text)
  await writeFile(join(dir, 'file'), text)
  return record
}
const storeDir = async (): Promise<string> => join(await temporaryFolder(), 'store')

test('many runs make an empty folder a store at once, also one that was left half made', async () => {
  const dir = await storeDir()
  await mkdir(dir)
  await writeFile(join(dir, '.nat64-forge-store.json.0badcafe'), '{')
  const stores = await Promise.all(Array.from({ length: 12 }, async () => await Store.open(dir)))
  expect(new Set(stores.map((store) => store.workDir)).size).toBe(12)
  for (const store of stores) await store.close()
})

describe('an entry', () => {
  test('is made once, then found', async () => {
    const dir = await storeDir()
    const store = await Store.open(dir)
    expect(await store.find('modules', key)).toBeUndefined()
    expect(await store.obtain('modules', key, making('one'))).toEqual({ ...record, dir: join(dir, 'artifacts/modules', key, 'files'), hit: false })
    expect(await store.obtain('modules', key, making('two'))).toEqual({ ...record, dir: join(dir, 'artifacts/modules', key, 'files'), hit: true })
    expect(await readFile(join(dir, 'artifacts/modules', key, 'files/file'), 'utf8')).toBe('one')
    await store.close()
  })

  test('is absent when making it failed, and can be made again', async () => {
    const store = await Store.open(await storeDir())
    await expect(store.obtain('modules', key, async (dir) => {
      await writeFile(join(dir, 'half'), 'half')
      throw new Error('no')
    })).rejects.toThrow('no')
    expect(await store.find('modules', key)).toBeUndefined()
    expect(await readdir(join(store.dir, 'artifacts'))).toEqual([])
    const { dir } = await store.obtain('modules', key, making('whole'))
    expect(await readdir(dir)).toEqual(['file'])
    await store.close()
  })

  test('is made once when two runs want it at the same time; the second waits and says so', async () => {
    const dir = await storeDir()
    const [one, two] = [await Store.open(dir), await Store.open(dir)]
    const calls: string[] = []
    const onWait = vi.fn()
    const slow = one.obtain('modules', key, async (to) => {
      await vi.waitFor(() => { expect(onWait).toHaveBeenCalled() }, { timeout: 5000 })
      return making('slow', calls)(to)
    })
    await vi.waitFor(async () => { expect((await readdir(join(dir, 'locks'))).some((name) => name.startsWith('modules-'))).toBe(true) })
    const results = await Promise.all([slow, two.obtain('modules', key, making('quick', calls), onWait)])
    expect(results.map((result) => result.hit)).toEqual([false, true])
    expect(calls).toEqual(['slow'])
    await one.close()
    await two.close()
  })

  test('that may not answer a later run is kept for its evidence only', async () => {
    const store = await Store.open(await storeDir())
    const failed = async (dir: string): Promise<StoredRecord> => ({ ...await making('failed')(dir), reusable: false })
    const { dir } = await store.obtain('smoke', key, failed)
    expect(await readFile(join(dir, 'file'), 'utf8')).toBe('failed')
    expect(await store.find('smoke', key)).toBeUndefined()
    expect((await store.obtain('smoke', key, making('passed'))).hit).toBe(false)
    await store.close()
  })

  test('that is damaged is an error that says how to repair it', async () => {
    const store = await Store.open(await storeDir())
    await store.obtain('modules', key, making('one'))
    const entry = join(store.dir, 'artifacts/modules', key)
    await writeFile(join(entry, 'record.json'), '{"artifact": ')
    expect(await rejection(store.find('modules', key))).toMatchObject({ code: 'E_STORE', hint: `remove ${entry} and run again` })
    await store.close()
  })
})

describe('the folder of a store', () => {
  test('is made when it is not there, and may be an empty disk', async () => {
    const dir = await storeDir()
    await mkdir(join(dir, 'lost+found'), { recursive: true })
    await (await Store.open(dir)).close()
    expect((await readdir(dir)).sort()).toEqual(['artifacts', 'blobs', 'locks', 'lost+found', 'nat64-forge-store.json', 'notes', 'work'])
    expect(JSON.parse(await readFile(join(dir, 'nat64-forge-store.json'), 'utf8'))).toEqual({ layoutVersion: 1 })
  })

  test('is refused when it holds somebody\'s files, and left as it was', async () => {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'thesis.tex'), '')
    expect(await rejection(Store.open(dir))).toMatchObject({ code: 'E_STORE', message: `${dir} is not empty and not a store of nat64-forge` })
    expect(await rejection(collectGarbage(dir, 0))).toMatchObject({ code: 'E_STORE' })
    expect(await readdir(dir)).toEqual(['thesis.tex'])
  })

  test('of another layout is refused', async () => {
    const dir = await storeDir()
    await (await Store.open(dir)).close()
    await writeFile(join(dir, 'nat64-forge-store.json'), '{"layoutVersion": 2}')
    expect(await rejection(Store.open(dir))).toMatchObject({ code: 'E_STORE', message: `${dir} has the layout 2, this program writes layout 1` })
  })

  test('that is a file is refused', async () => {
    const dir = await storeDir()
    await writeFile(dir, '')
    expect(await rejection(Store.open(dir))).toMatchObject({ code: 'E_STORE', exitStatus: 69 })
  })
})

describe('the scratch folder of a run', () => {
  test('goes when the run ends, or is kept on wish', async () => {
    const dir = await storeDir()
    const store = await Store.open(dir)
    await writeFile(join(store.workDir, 'x'), '')
    await store.close()
    expect(await readdir(join(dir, 'work'))).toEqual([])
    const kept = await Store.open(dir)
    await writeFile(join(kept.workDir, 'y'), '')
    const folder = await kept.close(true) ?? ''
    await (await Store.open(dir)).close()
    expect(await readdir(folder)).toEqual(['y'])
    expect(await readdir(join(dir, 'work'))).toEqual([])
  })

  test.each(['sp ace', 'quo"te', 'com,ma'])('the store refuses a path that apt and mmdebstrap cannot take (%s)', async (name) => {
    expect(await rejection(Store.open(join(await temporaryFolder(), name)))).toMatchObject({ code: 'E_STORE' })
  })

  test('is swept by the next run when its own is gone, and left alone while it lives', async () => {
    const dir = await storeDir()
    const alive = await Store.open(dir)
    await mkdir(join(dir, 'work/run-dead/files'), { recursive: true })
    await writeFile(join(dir, 'work/run-dead.lock'), '')
    await mkdir(join(dir, 'work/run-without-lock'))
    const next = await Store.open(dir)
    expect((await readdir(join(dir, 'work'))).sort()).toEqual([alive, next].flatMap(({ workDir }) => [workDir, `${workDir}.lock`]).map((path) => path.slice(join(dir, 'work/').length)).sort())
    await alive.close()
    await next.close()
  })

  test('has its lock file even when many runs start at once', async () => {
    const dir = await storeDir()
    await (await Store.open(dir)).close()
    const stores = await Promise.all(Array.from({ length: 8 }, () => Store.open(dir)))
    for (const { workDir } of stores) await access(`${workDir}.lock`)
    await Promise.all(stores.map((store) => store.close()))
    expect(await readdir(join(dir, 'work'))).toEqual([])
  })
})

test('notes are replaced whole', async () => {
  const store = await Store.open(await storeDir())
  expect(await store.readNote('n')).toBeUndefined()
  await store.writeNote('n', 'one')
  await store.writeNote('n', 'two')
  expect(await store.readNote('n')).toBe('two')
  await store.close()
})

describe('collecting garbage', () => {
  /** Three entries and a download of 1000 bytes each, used one after the other in this order. */
  async function filled(): Promise<{ dir: string; store: Store; kinds: string[] }> {
    const dir = await storeDir()
    const store = await Store.open(dir)
    const kinds = ['oldest', 'middle', 'newest']
    for (const [index, kind] of kinds.entries()) {
      await store.obtain(kind, key, async (to) => { await writeFile(join(to, 'f'), Buffer.alloc(1000)); return record })
      const path = join(dir, 'artifacts', kind, key, 'record.json')
      const usedAt = new Date(2020, index, 1)
      await utimes(path, usedAt, usedAt)
    }
    await writeFile(join(store.workDir, 'blob'), Buffer.alloc(1000))
    await store.addBlob(join(store.workDir, 'blob'), key)
    await utimes(store.blobPath(key), new Date(2020, 0, 15), new Date(2020, 0, 15))
    return { dir, store, kinds }
  }

  test('removes what was not used for longest, and no more than it must', async () => {
    const { dir, store } = await filled()
    await store.close()
    const { entries, totalBytes } = await storeUsage(dir)
    expect(entries.map((entry) => entry.path.slice(dir.length + 1).split('/').slice(0, 2).join('/'))).toEqual(['artifacts/oldest', `blobs/${key.slice(0, 2)}`, 'artifacts/middle', 'artifacts/newest'])
    const [oldest = 0, download = 0] = entries.map((entry) => entry.sizeBytes)
    expect(download).toBe(1000)
    // One byte too many: exactly the oldest goes. Two entries' worth allowed: exactly the next goes.
    expect(await collectGarbage(dir, totalBytes - 1)).toEqual({ removed: 1, freedBytes: oldest, totalBytes: totalBytes - oldest })
    expect(await collectGarbage(dir, 2 * oldest)).toEqual({ removed: 1, freedBytes: download, totalBytes: totalBytes - oldest - download })
    expect((await readdir(join(dir, 'artifacts/oldest')))).toEqual([])
    expect((await readdir(join(dir, 'artifacts/middle')))).toEqual([key])
    expect((await collectGarbage(dir, 0)).totalBytes).toBe(0)
  })

  test('spares what was used again', async () => {
    const { dir, store } = await filled()
    await store.find('oldest', key)
    await store.close()
    expect((await storeUsage(dir)).entries.at(-1)?.path).toBe(join(dir, 'artifacts/oldest', key))
  })

  test('is refused while a build uses the store', async () => {
    const { dir, store } = await filled()
    expect(await rejection(collectGarbage(dir, 0))).toMatchObject({ code: 'E_STORE', message: `a build uses the store ${dir}` })
    expect((await storeUsage(dir)).entries).toHaveLength(4)
    await store.close()
  })
})

test.each([['500M', 500 * 1048576], ['2G', 2 * 1024 ** 3], ['1.5GiB', 1.5 * 1024 ** 3], ['10', 10], ['10B', 10], ['1 kb', 1024], ['0', 0], ['1T', 1024 ** 4]])('the size %s is %d bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes)
})

test.each(['', 'G', '-1G', '1X', '1e9', 'two'])('%j is no size', async (text) => {
  expect(await rejection(() => parseSize(text))).toMatchObject({ code: 'E_USAGE', exitStatus: 64 })
})

describe('what a file system says', () => {
  test.each([['ENOSPC', 'E_DISK_FULL', 'the disk of /store is full'], ['EDQUOT', 'E_DISK_FULL', 'quota'], ['EFBIG', 'E_OUT', 'larger than the disk of /store takes']])('%s is an error with a hint', (errno, code, words) => {
    const told = fromFileSystem(Object.assign(new Error(errno), { code: errno }), '/store')
    expect(told).toMatchObject({ code, message: expect.stringContaining(words) as string, hint: expect.any(String) as string })
  })

  test('else stays what it is', () => {
    const error = Object.assign(new Error('x'), { code: 'EIO' })
    expect(fromFileSystem(error, '/store')).toBe(error)
  })
})
