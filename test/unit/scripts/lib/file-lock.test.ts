import { symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createExec } from '../../../../scripts/lib/exec.ts'
import { lockFile } from '../../../../scripts/lib/file-lock.ts'
import { silentLog } from '../../../../scripts/lib/log.ts'
import { rejection } from '../../../support/rejection.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

const path = async (): Promise<string> => join(await temporaryFolder(), 'x.lock')
const heldAtOnce = async (file: string, shared = false): Promise<boolean> => {
  await using lock = await lockFile(file, { wait: false, shared })
  return lock.held
}

test('one holds a lock, others do not, until it is let go', async () => {
  const file = await path()
  const first = await lockFile(file)
  expect(first.held).toBe(true)
  expect(await heldAtOnce(file)).toBe(false)
  await first[Symbol.asyncDispose]()
  expect(await heldAtOnce(file)).toBe(true)
})

test('a lock may be shared, but not with one who wants it alone', async () => {
  const file = await path()
  await using _one = await lockFile(file, { shared: true })
  expect(await heldAtOnce(file, true)).toBe(true)
  expect(await heldAtOnce(file)).toBe(false)
})

test('who waits is told so, and gets it next', async () => {
  const file = await path()
  const order: string[] = []
  const first = await lockFile(file)
  const onWait = vi.fn()
  const second = lockFile(file, { onWait }).then((lock) => { order.push('second'); return lock })
  await vi.waitFor(() => { expect(onWait).toHaveBeenCalledOnce() }, { timeout: 3000 })
  order.push('first lets go')
  await first[Symbol.asyncDispose]()
  await (await second)[Symbol.asyncDispose]()
  expect(order).toEqual(['first lets go', 'second'])
})

test('who waits is not told when there is no wait', async () => {
  const onWait = vi.fn()
  await using lock = await lockFile(await path(), { onWait })
  await new Promise((done) => setTimeout(done, 400))
  expect(lock.held).toBe(true)
  expect(onWait).not.toHaveBeenCalled()
})

test('an interrupt ends the waiting', async () => {
  const file = await path()
  await using _first = await lockFile(file)
  const interrupt = new AbortController()
  const waiting = rejection(lockFile(file, { signal: interrupt.signal }))
  interrupt.abort()
  expect(await waiting).toMatchObject({ code: 'E_INTERRUPTED' })
  expect(await rejection(lockFile(file, { signal: interrupt.signal }))).toMatchObject({ code: 'E_INTERRUPTED' })
})

test('a lock in a folder that is not there is refused', async () => {
  expect(await rejection(lockFile(join(await path(), 'x')))).toMatchObject({ code: 'E_STORE', message: expect.stringMatching(/^cannot lock .*x\.lock\/x$/) })
})

test.each([
  ['flock', 'setpriv', 'cat'],
  ['setpriv'],
])('a host without %s is told what to install', async (_missing, ...present) => {
  const bin = await temporaryFolder()
  for (const program of present) await symlink(join('/usr/bin', program), join(bin, program))
  vi.stubEnv('PATH', bin)
  onTestFinished(() => { vi.unstubAllEnvs() })
  expect(await rejection(lockFile(await path()))).toMatchObject({ code: 'E_HOST_PACKAGES', message: 'setpriv and flock (package util-linux) cannot be run', hint: 'nat64-forge doctor' })
})

test('a holder that is killed with -9 holds it no longer', async () => {
  const file = await path()
  const script = `${file}.mts`
  await writeFile(script, [
    `import { lockFile } from ${JSON.stringify(join(process.cwd(), 'scripts/lib/file-lock.ts'))}`,
    `const lock = await lockFile(${JSON.stringify(file)})`,
    'console.log(`held ${lock.held} ${process.pid}`)',
    'setInterval(() => undefined, 1000)',
  ].join('\n'))
  let pid = 0
  const running = rejection(createExec({ log: silentLog })([process.execPath, '--import', 'tsx', script], { onLine: (line) => { if (line.startsWith('held true ')) pid = Number(line.slice(10)) } }))
  await vi.waitFor(() => { expect(pid).toBeGreaterThan(0) }, { timeout: 10_000 })
  expect(await heldAtOnce(file)).toBe(false)
  process.kill(pid, 'SIGKILL')
  await running
  await vi.waitFor(async () => { expect(await heldAtOnce(file)).toBe(true) }, { timeout: 5000 })
})
