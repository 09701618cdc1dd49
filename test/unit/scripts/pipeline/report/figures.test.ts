import { expect, it } from 'vitest'
import { digits, duration, fileSize } from '../../../../../scripts/pipeline/report/figures.ts'

it.each([[0, '0.0 s'], [59_949, '59.9 s'], [59_950, '1 min 00 s'], [245_400, '4 min 05 s'], [3_599_499, '59 min 59 s'], [3_599_500, '1 h 00 min'], [7_200_000, '2 h 00 min']])('%i ms are %s', (ms, text) => {
  expect(duration(ms)).toBe(text)
})

it.each([[812, '812 B'], [1023, '1023 B'], [1024, '1.0 KiB'], [1_048_570, '1.0 MiB'], [327_155_712, '312.0 MiB'], [5_368_709_120, '5.0 GiB'], [2 ** 41, '2048.0 GiB']])('%i bytes are %s', (sizeBytes, text) => {
  expect(fileSize(sizeBytes)).toBe(text)
})

it('parts thousands with a narrow space that does not break', () => {
  expect([0, 999, 1000, 327_155_712].map(digits)).toEqual(['0', '999', '1\u202f000', '327\u202f155\u202f712'])
})
