import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sha256Of } from '../../../../scripts/lib/digest.ts'
import { alreadyPublished, publish, removeOutput, type OutputPart } from '../../../../scripts/pipeline/publish.ts'
import { rejection } from '../../../support/rejection.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

const text = (path: string, words: string): OutputPart => ({ path, from: { text: words } })
const report = (words = '{}'): OutputPart[] => [text('report.json', words)]
const listing = (artifacts: unknown): OutputPart[] => report(JSON.stringify({ artifacts }))
const put = (dir: string, words: string): Promise<void> => publish(dir, [text('a.txt', words)], listing)
const visible = async (dir: string): Promise<string[]> => (await readdir(dir)).filter((name) => !name.startsWith('.'))

describe('an output', () => {
  test('holds the parts, files and folders, and the digest of each', async () => {
    const dir = await temporaryFolder()
    await mkdir(join(dir, 'made/sub'), { recursive: true })
    await writeFile(join(dir, 'made/sub/x.deb'), 'deb')
    await writeFile(join(dir, 'made/tool'), 'tool')
    await chmod(join(dir, 'made/tool'), 0o755)
    const out = join(dir, 'out/debian-12')
    let seen: unknown
    await publish(out, [{ path: 'packages', from: { copy: join(dir, 'made') } }, text('logs/a.log', 'log')], (artifacts) => {
      seen = artifacts
      return report()
    })
    const parts = [['logs/a.log', 'log'], ['packages/sub/x.deb', 'deb'], ['packages/tool', 'tool']] as const
    expect(seen).toEqual(parts.map(([path, words]) => ({ path, sha256: sha256Of(words), sizeBytes: words.length })))
    expect(await readFile(join(out, 'SHA256SUMS'), 'utf8')).toBe([...parts, ['report.json', '{}'] as const].map(([path, words]) => `${sha256Of(words)}  ${path}\n`).join(''))
    expect((await visible(join(dir, 'out')))).toEqual(['debian-12'])
  })

  test('replaces the one before as a whole', async () => {
    const out = join(await temporaryFolder(), 'out')
    await publish(out, [text('old.txt', 'old')], listing)
    await put(out, 'new')
    expect((await readdir(out)).sort()).toEqual(['SHA256SUMS', 'a.txt', 'report.json'])
  })

  test('that cannot be made leaves the one before untouched, and nothing beside it', async () => {
    const dir = await temporaryFolder()
    const out = join(dir, 'out')
    await put(out, 'first')
    expect(await rejection(publish(out, [text('a.txt', 'second'), { path: 'b', from: { copy: join(dir, 'absent') } }], () => report()))).toMatchObject({ code: 'E_OUT' })
    await expect(publish(out, [text('a.txt', 'third')], () => { throw new RangeError('x') })).rejects.toMatchObject({ code: 'E_OUT' })
    expect(await readFile(join(out, 'a.txt'), 'utf8')).toBe('first')
    expect(await visible(dir)).toEqual(['out'])
  })

  test('never replaces a folder that nat64-forge did not write', async () => {
    const out = join(await temporaryFolder(), 'out')
    await mkdir(out)
    await writeFile(join(out, 'thesis.tex'), 'years of work')
    expect(await rejection(put(out, 'x'))).toMatchObject({ code: 'E_OUT', exitStatus: 69, message: `${out} holds thesis.tex, which nat64-forge did not write; it replaces its output as a whole and will not delete it` })
    expect(await readdir(out)).toEqual(['thesis.tex'])
  })

  test('is not replaced while somebody\'s own file lies in it, nor removed', async () => {
    const out = join(await temporaryFolder(), 'out')
    await put(out, 'x')
    await writeFile(join(out, 'notes.txt'), 'mine')
    expect(await rejection(put(out, 'y'))).toMatchObject({ code: 'E_OUT' })
    await removeOutput(out)
    expect((await readdir(out)).sort()).toEqual(['SHA256SUMS', 'a.txt', 'notes.txt', 'report.json'])
  })

  test('is removed whole when all of it is ours', async () => {
    const out = join(await temporaryFolder(), 'out')
    await put(out, 'x')
    await removeOutput(out)
    await expect(readdir(out)).rejects.toThrow('ENOENT')
  })

  test('may take the place of an empty folder, not of a file', async () => {
    const dir = await temporaryFolder()
    await mkdir(join(dir, 'empty'))
    await put(join(dir, 'empty'), 'x')
    await writeFile(join(dir, 'file'), '')
    expect(await rejection(put(join(dir, 'file'), 'x'))).toMatchObject({ code: 'E_OUT' })
  })
})

describe('what a killed run left beside the output', () => {
  const leave = async (dir: string, name: string): Promise<void> => {
    await mkdir(join(dir, name), { recursive: true })
    await writeFile(join(dir, name, 'report.json'), '{"left": true}')
    await writeFile(join(dir, name, 'left'), '')
  }

  test('is swept; folders of other outputs are not', async () => {
    const dir = await temporaryFolder()
    for (const name of ['out.new-0123abcd', 'out.old-0123abcd', 'other.new-0123abcd', 'out.new-notes', 'outXnew-0123abcd']) await leave(dir, name)
    await put(join(dir, 'out'), 'x')
    await put(join(dir, 'out'), 'y')
    expect(await visible(dir)).toEqual(['other.new-0123abcd', 'out', 'out.new-notes', 'outXnew-0123abcd'])
  })

  test('is put back when the swap was cut in two and the next run fails', async () => {
    const dir = await temporaryFolder()
    await leave(dir, 'out.old-0123abcd')
    await leave(dir, 'out.new-0123abcd')
    await rejection(publish(join(dir, 'out'), [{ path: 'b', from: { copy: join(dir, 'absent') } }], () => report()))
    expect(await visible(dir)).toEqual(['out'])
    expect((await readdir(join(dir, 'out'))).sort()).toEqual(['left', 'report.json'])
  })
})

test('two runs that publish at once both succeed, and the result is one of theirs, whole', async () => {
  const out = join(await temporaryFolder(), 'out')
  await Promise.all(['one', 'two', 'three'].map((words) => publish(out, [text('a', words), text('b', words)], listing)))
  const [a, b] = [await readFile(join(out, 'a'), 'utf8'), await readFile(join(out, 'b'), 'utf8')]
  expect(a).toBe(b)
})

test('an output counts as there only when it is of these keys, passed, and complete', async () => {
  const out = join(await temporaryFolder(), 'out')
  const publishWith = (verdict: string): Promise<void> => publish(out, [text('a.txt', 'abc')], (artifacts) => [
    ...report(JSON.stringify({ verdict, stages: [{ key: 'k1' }, { key: 'k2' }], artifacts })), text('report.html', '<p>'),
  ])
  expect(await alreadyPublished(out, [])).toBeUndefined()
  await publishWith('pass')
  expect(await alreadyPublished(out, ['k1', 'k2'])).toMatchObject({ verdict: 'pass', artifacts: [{ path: 'a.txt', sizeBytes: 3 }] })
  expect(await alreadyPublished(out, ['k2'])).toBeDefined()
  expect(await alreadyPublished(out, ['k1', 'k3'])).toBeUndefined()
  await rm(join(out, 'SHA256SUMS'))
  expect(await alreadyPublished(out, ['k1'])).toBeUndefined()
  await publishWith('pass')
  await writeFile(join(out, 'a.txt'), 'ab')
  expect(await alreadyPublished(out, ['k1'])).toBeUndefined()
  await publishWith('fail')
  expect(await alreadyPublished(out, ['k1'])).toBeUndefined()
})
