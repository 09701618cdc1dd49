import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { builtIso } from '../support/built-iso.ts'
import { conformancePart } from '../support/conformance-part.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const hours = 60 * 60_000

// All of the table that does not wait, with Jool inline. The whole table: `npm run smoke:full`.
describe.skipIf(!needsTools('qemu-system-x86_64', 'mmdebstrap', 'mksquashfs', 'xorriso', 'bwrap', '/usr/bin/python3'))('the conformance table on the reference router', { timeout: hours }, () => {
  let results: Awaited<ReturnType<typeof conformancePart>>['results']
  let checks: Awaited<ReturnType<typeof conformancePart>>['checks']

  beforeAll(async () => {
    const dir = await temporaryFolder({ keepUntil: 'file' });
    ({ results, checks } = await conformancePart(await builtIso(dir), join(dir, 'table'), createExec({ log: silentLog })))
  }, hours)

  const wrong = (verdict: string): string[] => results.filter((result) => result.verdict === verdict).map(({ kind, id, detail }) => `${kind} ${id}: ${detail}`)

  it('is kept to, NAT64 and NAT46: nothing fails, nothing is skipped, and no known limit is gone', () => {
    expect([wrong('fail'), wrong('skip'), wrong('limit-gone')]).toEqual([[], [], []])
    expect(results.filter(({ verdict }) => verdict === 'pass').length).toBeGreaterThan(250)
  })

  it('leaves the router\'s kernel log clean', () => {
    expect(checks.map(({ id, verdict, detail }) => [id, verdict, detail])).toEqual([['bios/kernel-log', 'pass', expect.any(String)]])
  })
})
