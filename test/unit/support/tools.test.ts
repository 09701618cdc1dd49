import { afterEach, expect, it, vi } from 'vitest'
import { needsTools } from '../../support/tools.ts'

afterEach(() => { vi.unstubAllEnvs() })

it('a missing program skips tests on a laptop and fails them in CI', () => {
  vi.stubEnv('CI', '')
  expect(needsTools('sh', 'no-such-program')).toBe(false)
  vi.stubEnv('CI', 'true')
  expect(() => needsTools('sh', 'no-such-program')).toThrow('these tests need no-such-program')
})

it('programs in PATH, in root\'s folders and by absolute path are there', () => {
  vi.stubEnv('CI', 'true')
  expect(needsTools('sh', 'ldconfig', '/etc/passwd')).toBe(true)
  vi.stubEnv('PATH', '')
  expect(needsTools('ldconfig')).toBe(true)
})
