import { describe, expect, test } from 'vitest'
import { aptConfiguration } from '../../../../scripts/lib/apt-configuration.ts'
import type { Argv, Exec } from '../../../../scripts/lib/exec.ts'
import { hostMirrors, mirrorsOf } from '../../../../scripts/lib/mirrors.ts'
import { rejection } from '../../../support/rejection.ts'

const says = (stdout: string, asked: Argv[] = []): Exec => (argv) => {
  asked.push(argv)
  return Promise.resolve({ stdout, stderr: '', exitStatus: 0 })
}

describe('the host\'s mirrors', () => {
  test('are the first of each role, as in apt', () => {
    expect(mirrorsOf([
      'http://one.example/debian/ bookworm', 'http://two.example/debian/ bookworm', 'http://one.example/debian/ bookworm-updates',
      'http://sec.example/debian-security bookworm-security', 'http://sec2.example/debian-security bookworm-security', '',
    ].join('\n'))).toEqual({ debian: 'http://one.example/debian', 'debian-security': 'http://sec.example/debian-security' })
  })

  test('are not those of other archives', () => {
    expect(mirrorsOf('http://x.example/node nodistro\nhttp://x.example/ubuntu jammy\nhttp://x.example/debian bookworm-backports\n')).toEqual({})
  })

  test('are Debian\'s, also when another publisher has suites of the same names and comes first', () => {
    expect(mirrorsOf('https://java.example/artifactory/deb bookworm Adoptium\nhttp://m.example/mirror bookworm Debian\n')).toEqual({ debian: 'http://m.example/mirror' })
    expect(mirrorsOf('https://java.example/artifactory/deb bookworm $(ORIGIN)\nhttp://m.example/debian bookworm $(ORIGIN)\n')).toEqual({ debian: 'http://m.example/debian' })
  })

  test('know the security archive by its old name too', () => {
    expect(mirrorsOf('http://sec.example/debian-security bullseye/updates')).toEqual({ 'debian-security': 'http://sec.example/debian-security' })
  })

  test('are asked of apt itself', async () => {
    const asked: Argv[] = []
    expect(await hostMirrors(says('http://m.example/debian/ trixie\n', asked))).toEqual({ debian: 'http://m.example/debian', 'debian-security': 'http://m.example/debian-security' })
    expect(asked).toEqual([['apt-get', 'indextargets', '--format', '$(REPO_URI) $(RELEASE) $(ORIGIN)', 'Created-By: Packages']])
  })

  test('are not asked for when both were given', async () => {
    const asked: Argv[] = []
    expect(await hostMirrors(says('', asked), { debian: 'http://d.example/debian//', security: 'http://s.example/sec/' })).toEqual({ debian: 'http://d.example/debian', 'debian-security': 'http://s.example/sec' })
    expect(asked).toEqual([])
  })

  test('must be there', async () => {
    expect(await rejection(hostMirrors(says('http://x.example/node nodistro\n')))).toMatchObject({ code: 'E_NO_MIRROR', message: 'the host\'s apt has no Debian mirror' })
  })
})

test('of the host\'s apt configuration only the way to the network is taken over', async () => {
  const text = await aptConfiguration(says([
    'APT "";', 'APT::Install-Recommends "true";', 'Acquire::http::Proxy "http://proxy.example:3128";', 'Acquire::https::CaInfo "/etc/ssl/own.pem";',
    'Acquire::Check-Valid-Until "false";', 'DPkg::Post-Invoke:: "rm -rf /";', 'Dir::Etc::sourcelist "sources.list";', 'Acquire::Languages "de";', '',
  ].join('\n')), { 'Dir::State': '/x' })
  expect(text.split('\n')).toEqual([
    'Acquire::http::Proxy "http://proxy.example:3128";', 'Acquire::https::CaInfo "/etc/ssl/own.pem";', 'Acquire::Check-Valid-Until "false";',
    'Dir::Etc::main "/dev/null";', 'Dir::Etc::parts "/dev/null";', 'Dir::Etc::sourceparts "/dev/null";', 'Dir::Etc::preferences "/dev/null";',
    'Dir::Etc::preferencesparts "/dev/null";', 'APT::Sandbox::User "root";', 'Acquire::Retries "3";', 'Dir::State "/x";', '',
  ])
})
