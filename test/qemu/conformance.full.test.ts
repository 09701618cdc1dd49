import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { builtIso } from '../support/built-iso.ts'
import { conformancePart, waitingForNothing, withVerdict } from '../support/conformance-part.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const hours = 60 * 60_000

// All of the table that does not wait, with Jool inline. The whole table: `npm run smoke:full`.
describe.skipIf(!needsTools('qemu-system-x86_64', 'mmdebstrap', 'mksquashfs', 'xorriso', 'bwrap', '/usr/bin/python3'))('the conformance table on the reference router', { timeout: hours }, () => {
  let run: Awaited<ReturnType<typeof conformancePart>>

  beforeAll(async () => {
    const dir = await temporaryFolder({ keepUntil: 'file' })
    run = await conformancePart(waitingForNothing, await builtIso(dir), join(dir, 'table'), createExec({ log: silentLog }))
  }, hours)

  it('is kept to, NAT64 and NAT46: nothing fails, nothing is skipped, and no known limit is gone', () => {
    expect(['fail', 'skip', 'limit-gone'].map((verdict) => withVerdict(run, verdict))).toEqual([[], [], []])
    expect(withVerdict(run, 'pass').length).toBeGreaterThan(250)
  })

  it('leaves the router\'s kernel log clean', () => {
    expect(run.checks.map(({ id, verdict, detail }) => [id, verdict, detail])).toEqual([['bios/kernel-log', 'pass', expect.any(String)]])
  })
})
