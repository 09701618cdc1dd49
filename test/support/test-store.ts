import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/**
 * The store for tests that make a build root, which takes half a minute: `NAT64_FORGE_TEST_STORE` names one that test
 * files share, and that `npm test` sets; without it, a folder of the test file's own that goes with it. Never the user's store.
 */
export async function testStore(): Promise<string> {
  const shared = process.env['NAT64_FORGE_TEST_STORE']
  if (shared !== undefined && shared !== '') return shared
  const dir = await mkdtemp(join(await realpath(tmpdir()), 'nat64-forge-store-'))
  afterAll(() => rm(dir, { recursive: true, force: true }))
  return dir
}
