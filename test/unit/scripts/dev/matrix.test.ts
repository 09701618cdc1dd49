import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readCatalogue } from '../../../../kernel/catalogue/catalogue.ts'
import type { CatalogueRow } from '../../../../kernel/catalogue/row.ts'
import { cellsOf, targetText } from '../../../../scripts/dev/matrix/cells.ts'
import { disagreement, record } from '../../../../scripts/dev/matrix/record.ts'
import { compilerWords, isUnreachable, type CellResult } from '../../../../scripts/dev/matrix/run.ts'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import { parseSpec } from '../../../../scripts/lib/parse-spec.ts'
import { stages } from '../../../../scripts/pipeline/stages.ts'
import { targetSchema } from '../../../../scripts/pipeline/target.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

const rows = await readCatalogue()
const row = (name: string, more: Partial<CatalogueRow> = {}): CatalogueRow => ({ ...rows.find((one) => one.name === name)!, ...more })

test('the matrix is the rows whose kernel is in Debian\'s archive, each with the Jool that it names, and others on request', () => {
  expect(cellsOf(rows).map((cell) => [cell.row.name, cell.joolSuite, cell.trial])).toEqual([
    ['debian-11', 'bullseye', false], ['debian-11-backports', 'trixie', false], ['debian-12', 'trixie', false], ['debian-12-backports', 'trixie', false], ['debian-13', 'trixie', false], ['debian-13-backports', 'sid', false],
  ])
  expect(cellsOf(rows, { only: 'debian-12', all: true }).map((cell) => [cell.joolSuite, cell.trial])).toEqual([['trixie', false], ['bullseye', true], ['bookworm', true], ['sid', true]])
  expect(cellsOf(rows, { only: 'vyos-1.4' })).toEqual([])
})

test('each cell is a target that is understood', () => {
  for (const cell of cellsOf(rows, { all: true })) {
    expect(parseSpec(targetText(cell), 'cell.yaml', targetSchema(stages), 'E_TARGET')).toMatchObject({ suite: cell.suite, headers: { provider: 'debian', ...(cell.row.backports ? { backports: true } : {}) }, source: { suite: cell.joolSuite } })
  }
})

test('of a log, the compiler\'s errors are kept, each once and without this machine\'s paths', () => {
  const log = ['  CC [M]  /build/jool/src/mod/common/timer.o', '/build/jool/src/mod/common/timer.c:10:5: error: implicit declaration of function ‘del_timer’', '   10 |     del_timer(&t);',
    '/build/jool/src/mod/common/timer.c:10:5: error: implicit declaration of function ‘del_timer’', 'ERROR: modpost: "absent" [/build/jool/src/mod/nat64/jool.ko] undefined!', 'make: *** [Makefile:1] Error 2'].join('\n')
  expect(compilerWords(log)).toBe('src/mod/common/timer.c:10:5: error: implicit declaration of function ‘del_timer’\nERROR: modpost: "absent" [/build/jool/src/mod/nat64/jool.ko] undefined!')
  expect(compilerWords('make: *** [Makefile:1] Error 2')).toBeUndefined()
  expect(compilerWords(Array.from({ length: 9 }, (_, at) => `a.c:${String(at)}:1: error: x`).join('\n'))?.split('\n').slice(-2)).toEqual(['a.c:4:1: error: x', 'and 4 more errors'])
})

test.each<[string, ForgeError, boolean]>([
  ['a file that the mirror lists and does not have', new ForgeError('E_VANISHED', 'the mirror no longer has a.deb'), true],
  ['a suite that is gone', new ForgeError('E_DOWNLOAD', 'could not read the package index of bullseye', { details: 'E: The repository \'x bullseye-backports Release\' does not have a Release file.' }), true],
  ['no network', new ForgeError('E_DOWNLOAD', 'could not read the package index of bullseye', { details: 'Temporary failure resolving \'mirror\'' }), false],
  ['a kernel that the suite does not have', new ForgeError('E_RESOLVE', 'could not find the package linux-headers-amd64 in bullseye'), true],
  ['a build root that cannot be put together', new ForgeError('E_RESOLVE', 'could not work out the packages of a bookworm root'), false],
  ['a compiler error', new ForgeError('E_COMPILE', 'could not compile'), false],
])('is unreachable, or not: %s', (_what, error, expected) => {
  expect(isUnreachable(error)).toBe(expected)
})

describe('what was found', () => {
  const result = (more: Partial<CellResult>, cell: Partial<CellResult['cell']> = {}): CellResult =>
    ({ cell: { row: row('debian-12'), suite: 'bookworm', joolSuite: 'trixie', trial: false, ...cell }, verdict: 'built', release: '6.1.0-57-amd64', jool: '4.1.13', seconds: 1, words: '', crcsChecked: 1, ...more })
  const failures = [{ jool: '4.1.9', release: '6.1.0-56-amd64', words: 'a.c:1:1: error: x\nmore' }]

  test.each<[string, CellResult, string | undefined]>([
    ['a verified row that builds', result({}), undefined],
    ['a verified row that does not', result({ verdict: 'failed', words: 'x' }), 'Jool 4.1.13 does not build for 6.1.0-57-amd64, and the row says it is verified'],
    ['an unverified row that builds', result({}, { row: row('debian-12', { verified: 'no' }) }), 'Jool 4.1.13 builds for 6.1.0-57-amd64, and the row says it is not verified'],
    ['a kernel that the archive no longer has, of a row that nobody verified', result({ verdict: 'unreachable', words: 'gone' }, { row: row('debian-12', { verified: 'no' }) }), undefined],
    ['the same of a verified row, which a wrong mirror does to all', result({ verdict: 'unreachable', words: 'gone' }), 'debian-12 has no kernel in the archive, and the row says it is verified'],
    ['what could not be tried', result({ verdict: 'broken', words: 'no network' }), 'debian-12 could not be tried with Jool 4.1.13'],
    ['a failure that is on record for an earlier kernel of the line', result({ verdict: 'failed', jool: '4.1.9', words: 'a.c:1:1: error: x' }, { row: row('debian-12', { failures }), trial: true }), undefined],
    ['another failure', result({ verdict: 'failed', jool: '4.1.9', words: 'b.c:1:1: error: y' }, { row: row('debian-12', { failures }), trial: true }), 'Jool 4.1.9 does not build for 6.1.0-57-amd64, and the row does not say so'],
    ['a failure that is none any more', result({ jool: '4.1.9' }, { row: row('debian-12', { failures }), trial: true }), 'Jool 4.1.9 builds for 6.1.0-57-amd64, and the row says it does not'],
  ])('is compared with the row: %s', (_what, found, expected) => {
    expect(disagreement(found)).toBe(expected)
  })

  test('is written into the row, which stays as it was otherwise', async () => {
    const dir = await temporaryFolder()
    await cp('kernel/catalogue/debian-13.yaml', join(dir, 'debian-13.yaml'))
    const before = await readFile(join(dir, 'debian-13.yaml'), 'utf8')
    const cell = { row: row('debian-13'), trial: true }
    await record([result({ verdict: 'failed', jool: '4.1.9', words: 'a.c:1:1: error: ‘x’\nb.c:2:2: error: y' }, cell), result({ verdict: 'failed', jool: '4.1.5', words: 'c' }, cell), result({ jool: '4.1.15' }, cell), result({ verdict: 'unreachable' }, cell), result({ verdict: 'broken', jool: '4.1.13' }, cell)], dir)
    expect((await readCatalogue(dir))[0]).toEqual({ ...row('debian-13'), failures: [{ jool: '4.1.5', release: '6.1.0-57-amd64', words: 'c' }, { jool: '4.1.9', release: '6.1.0-57-amd64', words: 'a.c:1:1: error: ‘x’\nb.c:2:2: error: y' }] })
    await record([result({ jool: '4.1.9' }, cell), result({ jool: '4.1.5' }, cell)], dir)
    expect((await readCatalogue(dir))[0]).toEqual({ ...row('debian-13'), failures: [] })
    const kept = (text: string): string => text.replace(/^failures:[^]*/m, '')
    expect(kept(await readFile(join(dir, 'debian-13.yaml'), 'utf8'))).toBe(kept(before))
  })

  test('makes a row verified when its own Jool builds', async () => {
    const dir = await temporaryFolder()
    await cp('kernel/catalogue/debian-12-backports.yaml', join(dir, 'debian-12-backports.yaml'))
    const unverified = (await readFile(join(dir, 'debian-12-backports.yaml'), 'utf8')).replace(/^verified: .*$/m, 'verified: "no"')
    await writeFile(join(dir, 'debian-12-backports.yaml'), unverified)
    await record([result({}, { row: row('debian-12-backports') })], dir)
    expect((await readCatalogue(dir))[0]?.verified).toBe('built')
  })
})
