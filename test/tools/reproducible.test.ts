import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { needsTools } from '../support/tools.ts'

const project = fileURLToPath(new URL('../..', import.meta.url))

describe.skipIf(!needsTools('mmdebstrap', 'bwrap'))('reproducibility', () => {
  it('two builds of one lock with another folder, umask, user, locale and time zone give the same packages, byte for byte', async () => {
    const exec = createExec({ log: silentLog })
    const { stdout } = await exec([process.execPath, '--import', 'tsx', 'scripts/dev/verify-reproducible.ts', '--until', 'debs'], { cwd: project, timeoutMs: 15 * 60_000 })
    const [, same, all] = /^(\d+) of (\d+) files are the same$/m.exec(stdout) ?? []
    expect(Number(all)).toBeGreaterThanOrEqual(9)
    expect(same).toBe(all)
  })
})
