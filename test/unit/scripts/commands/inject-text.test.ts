import { expect, test } from 'vitest'
import { sizeChange } from '../../../../scripts/commands/inject.ts'

test('a squashfs is larger than before, smaller, or as large', () => {
  expect([[10, 13], [13, 10], [10, 10]].map(([oldBytes = 0, newBytes = 0]) => sizeChange({ oldBytes, newBytes }))).toEqual(['3 more than before', '3 fewer than before', 'as many as before'])
})
