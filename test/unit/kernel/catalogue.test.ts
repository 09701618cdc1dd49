import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { headersUrl, readCatalogue, rowsFor } from '../../../kernel/catalogue/catalogue.ts'
import { supportOf } from '../../../kernel/modules/support.ts'
import { joolVersion } from '../../../scripts/domain/jool-version.ts'
import { kernelRelease } from '../../../scripts/domain/kernel-release.ts'
import { rejection } from '../../support/rejection.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const rows = await readCatalogue()

describe('the catalogue', () => {
  test('has a row for every line of VyOS and Debian that is built for', () => {
    expect(rows.map((row) => row.name)).toEqual([
      'debian-11', 'debian-11-backports', 'debian-12', 'debian-12-backports', 'debian-13', 'debian-13-backports',
      'vyos-1.2', 'vyos-1.3', 'vyos-1.4', 'vyos-1.5', 'vyos-rolling', 'vyos-rolling-6.18',
    ])
  })

  test.each<[string, string | undefined, string[]]>([
    ['5.10.0-36-amd64', undefined, ['debian-11']],
    ['6.1.0-0.deb11.35-amd64', undefined, ['debian-11-backports']],
    ['6.1.0-56-amd64', undefined, ['debian-12']],
    ['6.1.0-56-cloud-amd64', undefined, ['debian-12']],
    ['6.12.12+bpo-amd64', undefined, ['debian-12-backports']],
    ['6.12.48+deb12-amd64', undefined, ['debian-12-backports']],
    ['6.12.117+deb13-amd64', undefined, ['debian-13']],
    ['6.16.3+deb13-amd64', undefined, ['debian-13-backports']],
    ['4.19.195-amd64-vyos', undefined, ['vyos-1.2']],
    ['5.4.268-amd64-vyos', '1.3.8', ['vyos-1.3']],
    ['6.6.54-vyos', undefined, ['vyos-1.4', 'vyos-1.5']],
    ['6.6.54-vyos', '1.4.1', ['vyos-1.4']],
    ['6.6.54-vyos', '1.5-stream-2025-Q1', ['vyos-1.5']],
    ['6.6.58-vyos', '1.5-rolling-202411010007', ['vyos-rolling']],
    // Not in any row by itself: the rule of its line covers it.
    ['6.6.117-vyos', undefined, ['vyos-rolling']],
    ['6.18.20-vyos', '2026.04.01-0020-rolling', ['vyos-rolling-6.18']],
    // A maintained release goes on in its kernel's series, which the rolling release had before it.
    ['6.6.69-vyos', '1.4.2', ['vyos-1.4']],
    ['6.6.117-vyos', '1.5-2025-Q3', ['vyos-1.5']],
    ['6.6.69-vyos', '1.5-rolling-202501200007', ['vyos-rolling']],
    ['6.6.69-vyos', 'my-own-build', ['vyos-rolling']],
    // Of before signatures were forced.
    ['6.6.40-vyos', '1.5-rolling-202407200020', ['vyos-1.4', 'vyos-1.5']],
    // The kernel is the truth, also of a version that the row does not know.
    ['6.6.54-vyos', 'my-own-build', ['vyos-1.4', 'vyos-1.5']],
  ])('knows %s (VyOS %s) as %j', (release, vyos, names) => {
    expect(rowsFor(rows, release, vyos).map((row) => row.name)).toEqual(names)
  })

  test('says how to add a kernel that it does not know', async () => {
    expect(await rejection(() => rowsFor(rows, '7.0.1-homemade'))).toMatchObject({
      code: 'E_CATALOGUE', exitStatus: 65, message: 'the kernel 7.0.1-homemade belongs to no line in the catalogue',
      hint: expect.stringContaining('add kernel/catalogue/NAME.yaml'), details: expect.stringContaining('debian-12 '),
    })
  })

  test.each([
    ['6.12.40-vyos', '1.4.2', 'the catalogue has the kernel 6.12.40-vyos in the line vyos-rolling alone, and the image says that it is VyOS 1.4.2, of the line vyos-1.4', 'vyos-1.4'],
    ['5.4.268-amd64-vyos', '1.2.9', 'the catalogue has the kernel 5.4.268-amd64-vyos in the line vyos-1.3 alone, and the image says that it is VyOS 1.2.9, of the line vyos-1.2', 'vyos-1.2'],
  ])('takes no row for %s that the version %s speaks against', async (release, vyos, message, row) => {
    expect(await rejection(() => rowsFor(rows, release, vyos))).toMatchObject({ code: 'E_CATALOGUE', exitStatus: 65, message, hint: expect.stringContaining(`kernel/catalogue/${row}.yaml`) })
  })

  test('agrees with the support table about the Jool of each row', () => {
    const example: Record<string, string> = {
      'debian-11': '5.10.0-36-amd64', 'debian-11-backports': '6.1.0-0.deb11.35-amd64', 'debian-12': '6.1.0-56-amd64', 'debian-12-backports': '6.12.48+deb12-amd64', 'debian-13': '6.12.117+deb13-amd64',
      'debian-13-backports': '6.18.3+deb13-amd64', 'vyos-1.2': '4.19.195-amd64-vyos', 'vyos-1.3': '5.4.268-amd64-vyos', 'vyos-1.4': '6.6.54-vyos', 'vyos-1.5': '6.6.54-vyos', 'vyos-rolling': '6.6.58-vyos', 'vyos-rolling-6.18': '6.18.20-vyos',
    }
    for (const row of rows) {
      const release = example[row.name] ?? ''
      expect(release, row.name).toMatch(new RegExp(row.kernels))
      expect(supportOf(joolVersion(row.jool), kernelRelease(release)).kind, row.name).toMatch(/^(claimed|verified)/)
    }
  })

  test('calls nothing verified that cannot be built here', () => {
    for (const row of rows.filter(({ suite }) => suite === null)) expect([row.name, row.verified]).toEqual([row.name, 'no'])
  })

  test('knows which VyOS kernels load nothing that others signed', () => {
    expect(Object.fromEntries(rows.filter(({ name }) => name.startsWith('vyos')).map(({ name, signing }) => [name, signing]))).toEqual({
      'vyos-1.2': 'off', 'vyos-1.3': 'off', 'vyos-1.4': 'off', 'vyos-1.5': 'off', 'vyos-rolling': 'forced', 'vyos-rolling-6.18': 'forced',
    })
  })
})

describe('a row of one\'s own', () => {
  const text = (more: string): string => ['name: mine', 'title: mine', 'kernels: ^6\\.6\\.\\d+-mine$', 'base: bookworm', 'suite: bookworm', 'jool: 4.1.13', 'signing: any', 'verified: "no"', 'needs: nothing', more, ''].join('\n')

  async function read(more: string, name = 'mine.yaml'): Promise<ReturnType<typeof readCatalogue>> {
    const dir = await temporaryFolder()
    await writeFile(join(dir, name), text(more))
    return readCatalogue(dir)
  }

  test('may say where the headers are', async () => {
    const [row] = await read('headers: { from: build, url: "https://mirror.example/linux-headers-{release}_{version}_amd64.deb" }')
    expect(row && headersUrl(row, '6.6.9-mine', '6.6.9-1+b1')).toBe('https://mirror.example/linux-headers-6.6.9-mine_6.6.9-1%2Bb1_amd64.deb')
    const [without] = await read('headers: { from: build }')
    expect(without && headersUrl(without, '6.6.9-mine', '1')).toBeUndefined()
  })

  test.each([
    ['headers: { from: build }\nsomething: x', 'kernel/catalogue/mine.yaml:11:1 something: unknown key; known here: name, title, kernels, laterKernels, vyos, base, suite, jool, joolSuite, backports, signing, headers, verified, needs, failures'],
    ['headers: { from: nowhere }', 'kernel/catalogue/mine.yaml:10:12 headers.from: Invalid option: expected one of "archive"|"build"'],
    ['headers: { from: build }\nvyos: ^(1$', 'kernel/catalogue/mine.yaml:11:1 vyos: a regular expression over the whole text, ^…$'],
    ['headers: { from: build }\nvyos: 1\\.4', 'kernel/catalogue/mine.yaml:11:1 vyos: a regular expression over the whole text, ^…$'],
  ])('is checked: %j', async (more, message) => {
    expect(await rejection(read(more))).toMatchObject({ code: 'E_CATALOGUE', message })
  })

  test('has its file\'s name', async () => {
    expect(await rejection(read('headers: { from: build }', 'other.yaml'))).toMatchObject({ code: 'E_CATALOGUE', message: 'kernel/catalogue/other.yaml is named mine inside' })
  })
})
