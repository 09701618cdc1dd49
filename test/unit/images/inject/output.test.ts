import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { checkOutput, openOutput } from '../../../../images/inject/output.ts'
import type { Exec } from '../../../../scripts/lib/exec.ts'
import { rejection } from '../../../support/rejection.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

const links = vi.hoisted(() => ({ possible: true }))

// A file system like FAT: every file has a name, and one only.
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>()
  const refused = (code: string): Promise<never> => Promise.reject(Object.assign(new Error(code), { code }))
  return {
    ...real,
    open: ((...args: Parameters<typeof real.open>) => typeof args[1] === 'number' ? refused('EOPNOTSUPP') : real.open(...args)) as typeof real.open,
    link: (...args: Parameters<typeof real.link>) => links.possible ? real.link(...args) : refused('EPERM'),
  }
})

const exec: Exec = () => Promise.reject(new Error('runs nothing'))

describe.each([['links', true], ['no links', false]])('an output on a file system with nothing but names and %s', (_what, possible) => {
  test('has another name until it is complete', async () => {
    links.possible = possible
    const dir = await temporaryFolder()
    await checkOutput(join(dir, 'new.iso'), join(dir, 'old.iso'), 1)
    {
      await using output = await openOutput(join(dir, 'new.iso'), exec)
      expect(output.path).toBe(join(dir, 'new.iso.part'))
      await writeFile(output.path, 'complete')
      expect(await readdir(dir)).toEqual(['new.iso.part'])
      await output.publish()
    }
    expect(await readdir(dir)).toEqual(['new.iso'])
    expect(await readFile(join(dir, 'new.iso'), 'utf8')).toBe('complete')
  })

  test('does not take the place of what has appeared meanwhile', async () => {
    links.possible = possible
    const dir = await temporaryFolder()
    {
      await using output = await openOutput(join(dir, 'new.iso'), exec)
      await writeFile(join(dir, 'new.iso'), 'mine')
      expect(await rejection(output.publish())).toMatchObject({ code: 'E_USAGE', message: `${join(dir, 'new.iso')} exists`, hint: 'it appeared while this run was under way: name another file' })
    }
    expect(await readdir(dir)).toEqual(['new.iso'])
    expect(await readFile(join(dir, 'new.iso'), 'utf8')).toBe('mine')
  })
})

test('what a killed run has left there is said before anything is done, and not touched', async () => {
  const dir = await temporaryFolder()
  await writeFile(join(dir, 'new.iso.part'), 'left')
  const said = { code: 'E_USAGE', message: expect.stringContaining('new.iso.part exists: another run is writing it, or one that was killed has left it') as string, hint: 'remove it if no other run is under way, or name another file' }
  expect(await rejection(checkOutput(join(dir, 'new.iso'), join(dir, 'old.iso'), 1))).toMatchObject(said)
  expect(await rejection(openOutput(join(dir, 'new.iso'), exec))).toMatchObject(said)
  expect(await readFile(join(dir, 'new.iso.part'), 'utf8')).toBe('left')
})
