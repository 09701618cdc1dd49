import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { aptConfiguration } from '../../../../scripts/lib/apt-configuration.ts'
import { createExec } from '../../../../scripts/lib/exec.ts'
import { createLog, type LogEvent } from '../../../../scripts/lib/log.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

test('the password of the host\'s proxy gets into the configuration, and not into the log', async () => {
  const bin = await temporaryFolder()
  await writeFile(join(bin, 'apt-config'), '#!/bin/sh\necho \'Acquire::http::Proxy "http://joe:word@proxy.example:3128";\'\necho \'Acquire::http::Own-Token "word";\'\n')
  await chmod(join(bin, 'apt-config'), 0o755)
  vi.stubEnv('PATH', `${bin}:${process.env['PATH'] ?? ''}`)
  onTestFinished(() => { vi.unstubAllEnvs() })
  const events: LogEvent[] = []
  const text = await aptConfiguration(createExec({ log: createLog((event) => events.push(event)) }), {})
  expect(text).toContain('Acquire::http::Proxy "http://joe:word@proxy.example:3128";\n')
  expect(events).toEqual([{ kind: 'command', stage: undefined, text: 'apt-config dump' }])
})
