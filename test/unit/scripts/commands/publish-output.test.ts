import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { publishOutput } from '../../../../scripts/commands/publish-output.ts'
import { createExec } from '../../../../scripts/lib/exec.ts'
import { silentLog } from '../../../../scripts/lib/log.ts'
import { rejection } from '../../../support/rejection.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

const exec = createExec({ log: silentLog })

test('what was made appears whole, beside whatever has a name like it', async () => {
  const dir = await temporaryFolder()
  await writeFile(join(dir, 'made'), 'complete')
  await writeFile(join(dir, 'new.tar.part'), 'mine')
  await publishOutput(join(dir, 'made'), join(dir, 'new.tar'), exec)
  expect(await readFile(join(dir, 'new.tar'), 'utf8')).toBe('complete')
  expect(await readFile(join(dir, 'new.tar.part'), 'utf8')).toBe('mine')
})

test('it takes the place of nothing that has appeared meanwhile', async () => {
  const dir = await temporaryFolder()
  await writeFile(join(dir, 'made'), 'complete')
  await writeFile(join(dir, 'new.tar'), 'mine')
  expect(await rejection(publishOutput(join(dir, 'made'), join(dir, 'new.tar'), exec))).toMatchObject({ code: 'E_USAGE', hint: 'it appeared while this run was under way: name another file' })
  expect(await readFile(join(dir, 'new.tar'), 'utf8')).toBe('mine')
  expect((await readdir(dir)).sort()).toEqual(['made', 'new.tar'])
})

test('and nothing stays of what cannot be read', async () => {
  const dir = await temporaryFolder()
  await expect(publishOutput(join(dir, 'none'), join(dir, 'new.tar'), exec)).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await readdir(dir)).toEqual([])
})
