import { Duplex } from 'node:stream'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { SerialShell } from '../../../../images/smoke/drivers/serial-shell.ts'
import { Console } from '../../../../images/smoke/lab/console.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

/** A router's end of the line: what it prints when a line was typed that matches. Each answer is given once. */
async function shellOn(answers: readonly (readonly [RegExp, string])[]) {
  const typed: string[] = []
  const left = [...answers]
  const wire: Duplex = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      const text = chunk.toString()
      typed.push(text)
      const found = left.findIndex(([pattern]) => pattern.test(text))
      const [answer] = found < 0 ? [] : left.splice(found, 1)
      setTimeout(() => wire.push(answer?.[1] ?? ''), 1)
      done()
    },
  })
  const console = new Console(wire, join(await temporaryFolder(), 'console.log'), () => undefined)
  const signal = new AbortController().signal
  return { typed, shell: new SerialShell(console, { speedFactor: 0.02, signal }), close: () => console.close() }
}

const finished = (number: number, output: string, status = 0): string => `@@begin ${String(number)}@@\r\n${output}\r\n@@end ${String(number)} ${String(status)}@@\r\n`

it('logs in although messages of a boot that still goes on come behind every prompt', async () => {
  const noise = '[  OK  ] Finished boot.service.\r\n'
  const { typed, shell, close } = await shellOn([
    [/^root\r$/, `root\r\nPassword: ${noise}`],
    [/^secret\r$/, `\r\nroot@router:~# ${noise}`],
    [/^\r$/, '\r\nroot@router:~# '],
    [/^exec env/, `exec env\r\n@@sh ${noise}`],
    [/begin 1/, finished(1, '')],
  ])
  await shell.login('root', 'secret')
  // The prompt was covered, so a new one was asked for.
  expect(typed.filter((text) => text === '\r')).toHaveLength(1)
  await close()
})

it('says so at once when the password is refused', async () => {
  const { shell, close } = await shellOn([[/^root\r$/, 'Password: '], [/^wrong\r$/, '\r\nLogin incorrect\r\nrouter login: ']])
  await expect(shell.login('root', 'wrong')).rejects.toMatchObject({ code: 'E_BOOT', message: expect.stringContaining('refused the login as root') as string })
  await close()
})

it('a command\'s output is what stands between its marks, with its status', async () => {
  const { shell, close } = await shellOn([[/begin 1/, `late message\r\n${finished(1, 'one\r\ntwo', 3)}`]])
  expect(await shell.run('anything')).toEqual({ status: 3, output: 'one\ntwo' })
  await close()
})

it('a command that does not end is an error that shows the console', async () => {
  const { shell, close } = await shellOn([[/begin 1/, 'hanging here\r\n']])
  await expect(shell.run('sleep 1000', 1000)).rejects.toMatchObject({ code: 'E_BOOT', message: expect.stringContaining('the end of "sleep 1000"') as string, details: expect.stringContaining('hanging here') as string })
  await close()
})
