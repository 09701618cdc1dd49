import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { bashCompletion } from '../../../packaging/cli-tree/bash-completion.ts'
import { commands, commonOptions } from '../../../packaging/cli-tree/commands.ts'
import { configManPage, programManPage } from '../../../packaging/cli-tree/man-pages.ts'
import { readCliTree } from '../../../packaging/cli-tree/tree.ts'
import { createExec } from '../../../scripts/lib/exec.ts'
import { silentLog } from '../../../scripts/lib/log.ts'
import { nat64ctlPackage } from '../../support/nat64ctl-package.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { needsTools } from '../../support/tools.ts'

const projectDir = fileURLToPath(new URL('../../..', import.meta.url))
const exec = createExec({ log: silentLog })
const edition = { date: '2026-01-01', version: '0.1.0-1' }

describe.skipIf(!needsTools('mandoc', 'man'))('the manual pages', () => {
  async function page(name: string): Promise<string> {
    const path = join(await temporaryFolder(), name)
    const example = await readFile(join(projectDir, 'packaging/nat64ctl/usr/share/doc/nat64ctl/examples/nat64.config'), 'utf8')
    await writeFile(path, name === 'nat64ctl.8' ? programManPage(edition) : configManPage(await readCliTree(projectDir), example, edition))
    return path
  }

  it.each(['nat64.config.5', 'nat64ctl.8'])('%s makes neither mandoc nor groff complain', async (name) => {
    const path = await page(name)
    expect((await exec(['mandoc', '-T', 'lint', '-W', 'warning', path], { okStatus: [0, 1, 2, 3, 4] })).stdout).toBe('')
    expect((await exec(['man', '--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', path])).stderr).toBe('')
  })

  it('show a node as it is written, and the example as it is', async () => {
    const { stdout } = await exec(['mandoc', '-T', 'utf8', '-O', 'width=200', await page('nat64.config.5')])
    // eslint-disable-next-line no-control-regex -- overstriking is how a terminal shows bold
    const text = stdout.replace(/.\u0008/g, '')
    expect(text.replace(/\s+/g, ' ')).toContain(
      ' timeout tcp-established <7200-4294967> Lifetime of established TCP sessions. In seconds. Where not given, Jool has 7200. Jool only. Jool\'s name: tcp-est-timeout. ',
    )
    expect(text).toMatch(/^ +description "Clients of the IPv6-only network"$/m)
  })
})

// Both are written by hand, once for argparse and once for people.
describe.skipIf(!needsTools('/usr/bin/python3') || !existsSync(join(projectDir, 'packaging/nat64ctl/usr/lib/python3/dist-packages/nat64ctl/cli.py')))('nat64ctl itself', () => {
  const help = async (...words: string[]): Promise<string> =>
    (await exec(['/usr/bin/python3', '-B', '-m', 'nat64ctl', ...words, '--help'], { env: { PYTHONPATH: await nat64ctlPackage(), COLUMNS: '200' } })).stdout

  it('has the commands that the manual has, and the options, words and value of each', async () => {
    const verbs = [...(await help()).matchAll(/^ {4}([a-z][a-z-]*)(?= |$)/gm)].map((match) => match[1]!)
    expect(verbs.sort()).toEqual(commands.map(({ name }) => name).sort())
    for (const { name, words, value, options = [] } of commands) {
      // A word may be a command of its own, with the options.
      const first = await help(name)
      const all = words === undefined || first.includes('--json') ? first : `${first}${await help(name, words.choice[0]!)}`
      expect([...new Set([...all.matchAll(/^ +(?:-h, )?(--[a-z-]+)/gm)].map((match) => match[1]))].sort(), name).toEqual([...commonOptions, ...options].map(({ flag }) => flag).sort())
      for (const word of words?.choice ?? []) expect(first, name).toMatch(new RegExp(`\\b${word}\\b`))
      expect(/ (ADDRESS|\[FILE\])$/m.exec(all)?.[1], name).toBe(value)
    }
  })
})

describe.skipIf(!needsTools('bash'))('completion of nat64ctl in bash', () => {
  async function complete(...words: string[]): Promise<string[]> {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'nat64ctl'), bashCompletion())
    await writeFile(join(dir, 'my own.config'), '')
    await mkdir(join(dir, 'configs'))
    const { stdout } = await exec(['bash', '-uc', 'source ./nat64ctl; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _nat64ctl; printf "%s\\n" "${COMPREPLY[@]}"', 'bash', 'nat64ctl', ...words], { cwd: dir })
    return stdout.split('\n').filter((line) => line !== '').sort()
  }

  it('offers the commands', async () => {
    expect(await complete('')).toEqual(['apply', 'check', 'debug-archive', 'diff', 'explain', 'export', 'monitor', 'reset', 'show'])
    expect(await complete('d')).toEqual(['debug-archive', 'diff'])
  })

  it('offers a command\'s words, once', async () => {
    expect(await complete('show', 's')).toEqual(['statistics', 'status'])
    expect(await complete('--json', 'reset', '')).toEqual(['statistics', 'translations'])
    expect(await complete('show', 'rules', '')).toEqual([])
  })

  it('offers options, and a command\'s own', async () => {
    expect(await complete('--')).toEqual(['--help', '--json'])
    expect(await complete('check', '--')).toEqual(['--help', '--json', '--on-this-router'])
    expect(await complete('apply', '--')).toEqual(['--dry-run', '--help', '--json'])
    expect(await complete('diff', '--o')).toEqual([])
  })

  it('offers what an option takes, and then the command\'s words again', async () => {
    expect(await complete('show', '--protocol', '')).toEqual(['icmp', 'tcp', 'udp'])
    expect(await complete('explain', '--file', 'my')).toEqual(['my own.config'])
    expect(await complete('debug-archive', '--output', 'c')).toEqual(['configs'])
    expect(await complete('show', '--address', '')).toEqual([])
    expect(await complete('show', '--rule', '100', 'po')).toEqual(['pools'])
  })

  it('offers files where a command takes one, also with a blank in their name', async () => {
    expect(await complete('check', 'my')).toEqual(['my own.config'])
    expect(await complete('apply', '--json', 'c')).toEqual(['configs'])
    expect(await complete('export', 'j')).toEqual(['jool'])
    expect(await complete('export', 'jool', 'my')).toEqual(['my own.config'])
    expect(await complete('explain', 'my')).toEqual([])
  })
})
