import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, onTestFinished } from 'vitest'

/** An empty folder, gone when the running test ends, or, made in `beforeAll`, when all tests of its group have. */
export async function temporaryFolder({ keepUntil = 'test' }: { keepUntil?: 'test' | 'file' } = {}): Promise<string> {
  const dir = await mkdtemp(join(await realpath(tmpdir()), 'nat64-forge-test-'))
  const remove = (): Promise<void> => rm(dir, { recursive: true, force: true })
  if (keepUntil === 'test') onTestFinished(remove)
  else afterAll(remove)
  return dir
}
