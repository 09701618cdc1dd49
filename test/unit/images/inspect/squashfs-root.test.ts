import { expect, test } from 'vitest'
import { squashfsRoot } from '../../../../images/inspect/squashfs-root.ts'
import { bytesAsSource } from '../../../../scripts/formats/byte-source.ts'
import { openSquashfs } from '../../../../scripts/formats/squashfs/squashfs.ts'
import { rejection } from '../../../support/rejection.ts'
import { squashfsImage, type SquashfsParts } from '../../../support/squashfs-image.ts'

async function root(parts: SquashfsParts): Promise<ReturnType<typeof squashfsRoot>> {
  const deps = { exec: () => Promise.reject(new Error('a program was called')), workDir: '/nonexistent' }
  return squashfsRoot(await openSquashfs(bytesAsSource(squashfsImage(parts).bytes, 'x.squashfs'), deps), 'x.squashfs')
}

test('files are found, listed and read by path', async () => {
  const image = await root({ files: { one: '1\n', two: '22\n' } })
  expect(await image.list('/')).toEqual([{ name: 'one', kind: 'file', sizeBytes: 2 }, { name: 'two', kind: 'file', sizeBytes: 3 }])
  expect((await image.readFiles(['two', '/one', 'three', '.', 'one/x', 'two'])).map((bytes) => bytes?.toString())).toEqual(['22\n', '1\n', undefined, undefined, undefined, '22\n'])
  expect(await image.filesBelow('')).toEqual(['/one', '/two'])
  expect(await image.filesBelow('three')).toEqual([])
})

// Both entries lead back to the root: one path would be endless, two make more paths than there is time.
test.each([[1], [2]])('%i entries that lead back to their own folder end in an error, not in a loop', async (count) => {
  const image = await root({
    files: { one: '', two: '' },
    directory: (bytes) => {
      for (const at of [12, 12 + 8 + 3].slice(0, count)) {
        bytes.writeUInt16LE(64, at)
        bytes.writeUInt16LE(1, at + 4)
      }
    },
  })
  expect((await image.list('one/one/one'))?.map(({ name, kind }) => `${name} ${kind}`)).toContain('one directory')
  expect(await rejection(image.filesBelow(''))).toMatchObject({ code: 'E_IMAGE', message: 'x.squashfs: its root has folders more than 32 deep' })
})
