import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { debianArchive, dependencyNames, parseRecord } from '../../../../scripts/lib/debian-archive.ts'
import type { Exec } from '../../../../scripts/lib/exec.ts'
import { silentLog } from '../../../../scripts/lib/log.ts'
import { rejection } from '../../../support/rejection.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

describe('a package\'s record', () => {
  test('is the first stanza, with folded lines joined', () => {
    expect(parseRecord('Package: jool-tools\nVersion: 4.1.13-1.1\nDescription: tools\n of Jool\n .\n more: here\nDepends: a,\n b\n\nPackage: other\n')).toEqual({
      Package: 'jool-tools', Version: '4.1.13-1.1', Description: 'tools\nof Jool\n.\nmore: here', Depends: 'a,\nb',
    })
  })

  test('is nothing when there is none', () => {
    expect(parseRecord('')).toBeUndefined()
    expect(parseRecord('N: Unable to locate\n'.replace(':', ''))).toBeUndefined()
  })
})

test.each([
  [undefined, []], ['', []],
  ['libc6 (>= 2.34), libnl-3-200', ['libc6', 'libnl-3-200']],
  ['debconf (>= 0.5) | debconf-2.0, gcc-12', ['debconf', 'gcc-12']],
  ['python3:any (>= 3.5~),\n perl:any', ['python3', 'perl']],
  ['linux-headers-6.1.0-56-common (= 6.1.192-2),, linux-kbuild-6.1 (>= 6.1.192-2)', ['linux-headers-6.1.0-56-common', 'linux-kbuild-6.1']],
])('the names in the dependencies %j are %j', (depends, names) => {
  expect(dependencyNames(depends)).toEqual(names)
})

describe('a suite\'s index', () => {
  const mirrors = { debian: 'http://m.example/debian', 'debian-security': 'http://m.example/debian-security' }
  const digest = 'ab'.repeat(32)

  async function opened(answers: Record<string, string>, dates = ['Sat, 11 Oct 2025 08:00:00 UTC', 'Thu, 01 Jan 2026 00:00:00 UTC']) {
    const dir = await temporaryFolder()
    const calls: string[] = []
    const exec: Exec = async (argv, options) => {
      calls.push(argv.join(' '))
      if (argv.includes('update')) {
        const lists = join(dir, 'apt-bookworm/lists')
        await mkdir(lists, { recursive: true })
        for (const [index, date] of dates.entries()) await writeFile(join(lists, `m${String(index)}_InRelease`), `Origin: Debian\nDate: ${date}\n`)
      }
      expect(argv[0] === 'apt-config' || options?.env?.['APT_CONFIG'] === join(dir, 'apt-bookworm/etc/apt.conf')).toBe(true)
      return { stdout: Object.entries(answers).find(([words]) => argv.join(' ').includes(words))?.[1] ?? '', stderr: '', exitStatus: 0 }
    }
    const archive = debianArchive({ exec, log: silentLog, dir, mirrors: () => Promise.resolve(mirrors) })
    return { dir, calls, archive, open: () => archive.open('bookworm', 'amd64') }
  }

  test('is dated by the newest of its parts, and read once a run', async () => {
    const { calls, open } = await opened({})
    const [first, second] = await Promise.all([open(), open()])
    expect(first.dateEpoch).toBe(1_767_225_600)
    expect(second).toBe(first)
    expect(calls).toEqual(['apt-config dump', 'apt-get -o APT::Update::Error-Mode=any update -q'])
  })

  test('is signed by Debian\'s keys, with updates and security', async () => {
    const { dir, open } = await opened({})
    await open()
    const keys = '[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
    expect(await readFile(join(dir, 'apt-bookworm/etc/sources.list'), 'utf8')).toBe([
      `deb ${keys} http://m.example/debian bookworm main`, `deb ${keys} http://m.example/debian bookworm-updates main`, `deb ${keys} http://m.example/debian-security bookworm-security main`, '',
    ].join('\n'))
  })

  test('names packages by archive and path, not by mirror', async () => {
    const { open } = await opened({ 'download jool-dkms': [
      'NOTE: noise', `'http://m.example/debian/pool/main/j/jool/jool-dkms_4.1.13-1.1_all.deb' jool-dkms_4.1.13-1.1_all.deb 900 SHA256:${digest}`,
      `'http://m.example/debian-security/pool/x/lib%2b%2b_1%3a2_amd64.deb' lib++_1%3a2_amd64.deb 7 SHA256:${digest}`, '',
    ].join('\n') })
    expect(await (await open()).exactly(['jool-dkms'])).toEqual([
      { name: 'jool-dkms', version: '4.1.13-1.1', architecture: 'all', file: { fileName: 'jool-dkms_4.1.13-1.1_all.deb', sizeBytes: 900, sha256: digest, from: { archive: 'debian', path: 'pool/main/j/jool/jool-dkms_4.1.13-1.1_all.deb' } } },
      { name: 'lib++', version: '1:2', architecture: 'amd64', file: { fileName: 'lib++_1%3a2_amd64.deb', sizeBytes: 7, sha256: digest, from: { archive: 'debian-security', path: 'pool/x/lib++_1:2_amd64.deb' } } },
    ])
  })

  test('refuses a file without a SHA-256', async () => {
    const { open } = await opened({ download: '\'http://m.example/debian/a_1_all.deb\' a_1_all.deb 9 MD5Sum:abc\n' })
    expect(await rejection((await open()).exactly(['a']))).toMatchObject({ code: 'E_RESOLVE', message: expect.stringContaining('apt gave no SHA-256 for') })
  })

  test('says which package a suite lacks', async () => {
    const { open } = await opened({})
    expect(await rejection((await open()).show('jool-dkms'))).toMatchObject({ code: 'E_RESOLVE', message: 'bookworm has no package jool-dkms' })
  })

  test('without a date is refused', async () => {
    const { open } = await opened({}, [])
    expect(await rejection(open())).toMatchObject({ code: 'E_RESOLVE', message: 'the package index has no date' })
  })
})
