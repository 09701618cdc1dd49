import { Duplex } from 'node:stream'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Console } from '../../../../images/smoke/lab/console.ts'
import type { ConsoleEvent } from '../../../../images/smoke/lab/console-events.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

/** A serial line whose other end the test plays. */
function serialLine(): Duplex {
  return new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => { done() } })
}

async function consoleSaying(chunks: readonly string[], attendedAfter = Infinity): Promise<{ events: ConsoleEvent[]; text: string; kept: string }> {
  const wire = serialLine()
  const file = join(await temporaryFolder(), 'console.log')
  const events: ConsoleEvent[] = []
  const console = new Console(wire, file, (event) => { events.push(event) })
  for (const [index, chunk] of chunks.entries()) {
    console.attended = index >= attendedAfter
    const heard = new Promise<void>((resolve) => { const stop = console.listen(() => { stop(); resolve() }) })
    wire.push(chunk)
    await heard
  }
  const { text } = console
  await console.close()
  return { events, text, kept: await readFile(file, 'latin1') }
}

it('a line that arrives in pieces, cut inside an escape sequence, is one event', async () => {
  const { events, text } = await consoleSaying(['\x1b[0;1;3', '1m[FAI', 'LED]\x1b[0m Failed to start X.\r', '\n'])
  expect(text).toBe('[FAILED] Failed to start X.\n')
  expect(events).toEqual([{ kind: 'failure', what: 'failed unit', line: '[FAILED] Failed to start X.' }])
})

it('a login prompt is told once, when it appears and before its line ends', async () => {
  const { events } = await consoleSaying(['Debian GNU/Linux 12 router ttyS0\r\n\r\nrouter lo', 'gin: ', 'root\r\n'])
  expect(events).toEqual([{ kind: 'login', host: 'router' }])
})

it('a login prompt is told too when a message comes right behind it', async () => {
  const { events } = await consoleSaying(['\r\nrouter login: [  OK  ] Started x.service.\r\n', 'Last login: Mon Nov 23\r\n'])
  expect(events).toEqual([{ kind: 'login', host: 'router' }])
})

it('the initramfs giving up is told by its prompt, which no line end follows', async () => {
  const { events } = await consoleSaying(['BusyBox v1.35.0 built-in shell (ash)\n(initr', 'amfs) '])
  expect(events).toEqual([{ kind: 'failure', what: 'no root file system', line: '(initramfs)' }])
})

it('while somebody works there, a log that is shown is no event, but a panic is', async () => {
  const { events } = await consoleSaying(['Linux version 6.1.0-1 (a@b)\n', 'Linux version 6.1.0-2 (a@b)\nWARNING: CPU: 1 PID: 2 at x\n', 'Kernel panic - not syncing: x\n'], 1)
  expect(events.map((event) => event.kind === 'failure' ? event.what : event.kind)).toEqual(['kernel', 'kernel panic'])
})

it('the file keeps every byte as it came', async () => {
  const { kept } = await consoleSaying(['\x1b[1mA\xff\r\n'])
  expect(Buffer.from(kept, 'latin1').toString('utf8')).toBe('\x1b[1mA\xff\r\n')
})
