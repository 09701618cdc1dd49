import { describe, expect, test } from 'vitest'
import { sha256 } from '../../../../scripts/domain/digest.ts'
import { joolVersion, upstreamPart } from '../../../../scripts/domain/jool-version.ts'
import { kernelRelease, kernelSeries } from '../../../../scripts/domain/kernel-release.ts'
import { remoteFile } from '../../../../scripts/domain/remote-file.ts'
import { rejection } from '../../../support/rejection.ts'
import { sampleFile } from '../../../support/sample-lock.ts'

describe('a kernel release', () => {
  test.each(['6.1.0-56-amd64', '6.12.48+deb13-amd64', '6.12.48+deb13-cloud-amd64', '6.6.54-vyos', '5.4', '6.11-rc3', '6.1.0-0.deb11.56_rt~x'])('may be %s', (text) => {
    expect(kernelRelease(text)).toBe(text)
  })

  test.each(['', 'amd64', '6', 'v6.1.0', '6.1.0 amd64', '6.1.0/../x', '6.1.0\n', ' 6.1.0', `6.1.0-${'x'.repeat(60)}`])('may not be %j', async (text) => {
    expect(await rejection(() => kernelRelease(text))).toMatchObject({ code: 'E_KERNEL', message: `"${text}" is not a kernel release` })
  })

  test.each([['6.1.0-56-amd64', '6.1.0'], ['6.12.48+deb13-amd64', '6.12.0'], ['6.6.54-vyos', '6.6.0'], ['5.4', '5.4.0'], ['5.10.0-35-cloud-amd64', '5.10.0']])('%s belongs to the series %s', (release, series) => {
    expect(kernelSeries(kernelRelease(release)).version).toBe(series)
  })
})

describe('a version of Jool', () => {
  test.each([['4.1.13-1.1', '4.1.13'], ['1:4.1.9-1', '4.1.9'], ['4.1.15+ds-2~bpo12+1', '4.1.15'], ['4.1.13', '4.1.13']])('is the upstream part of %s: %s', (debian, upstream) => {
    expect(upstreamPart(debian)).toBe(upstream)
  })

  test.each(['4.1', '4.1.13.0', 'v4.1.13', '4.1.13-1', ''])('is not %j', async (text) => {
    expect(await rejection(() => joolVersion(text))).toMatchObject({ code: 'E_SOURCE', hint: 'write three numbers, for example 4.1.13' })
  })
})

test('a digest is 64 small hexadecimal digits', async () => {
  expect(sha256('0'.repeat(64))).toBe('0'.repeat(64))
  for (const text of ['0'.repeat(63), '0'.repeat(65), 'A'.repeat(64), `${'0'.repeat(63)}g`]) expect(await rejection(() => sha256(text))).toMatchObject({ code: 'E_DIGEST' })
})

test.each(['../x', 'a/b', '', 'a b', 'a\nb'])('a locked file may not be called %j', (fileName) => {
  expect(remoteFile.safeParse({ ...sampleFile('a.deb'), fileName }).success).toBe(false)
  expect(remoteFile.safeParse(sampleFile('jool_1%3a4.1.13-1.1+b1~x_amd64.deb')).success).toBe(true)
})
