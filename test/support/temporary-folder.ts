import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** An empty folder of the running test's own; gone when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const dir = await mkdtemp(join(await realpath(tmpdir()), 'nat64-forge-test-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  return dir
}
