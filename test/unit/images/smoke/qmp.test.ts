import { Duplex } from 'node:stream'
import { expect, it } from 'vitest'
import { Qmp, type QmpEvent } from '../../../../images/smoke/lab/qmp.ts'

function wireTo(answer: (line: string, say: (text: string) => void) => void): { wire: Duplex; sent: string[] } {
  const sent: string[] = []
  const wire: Duplex = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      sent.push(chunk.toString())
      answer(chunk.toString(), (text) => { wire.push(text) })
      done()
    },
  })
  return { wire, sent }
}

it('leaves negotiation mode after the greeting, then matches answers to commands by number, however they are cut', async () => {
  const events: QmpEvent[] = []
  const { wire, sent } = wireTo((line, say) => {
    const { id, execute } = JSON.parse(line) as { id: number; execute: string }
    say(`{"timestamp": {"seconds": 1}, "event": "RESUME"}\r\n{"ret`)
    say(`urn": {"did": "${execute}"}, "id": ${String(id)}}\r\n`)
  })
  const qmp = new Qmp(wire, (event) => { events.push(event) })
  wire.push('{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}\r\n')
  await qmp.ready()
  expect(await qmp.execute('set_link', { name: 'v4', up: false })).toEqual({ did: 'set_link' })
  expect(sent).toEqual([
    '{"execute":"qmp_capabilities","id":1}\n',
    '{"execute":"set_link","id":2,"arguments":{"name":"v4","up":false}}\n',
  ])
  expect(events).toEqual([{ event: 'RESUME' }, { event: 'RESUME' }])
})

it('a refusal is an error with QEMU\'s words', async () => {
  const { wire } = wireTo((line, say) => { say(`{"id": ${String((JSON.parse(line) as { id: number }).id)}, "error": {"class": "GenericError", "desc": "no such device"}}\n`) })
  await expect(new Qmp(wire).execute('device_del')).rejects.toMatchObject({ code: 'E_LAB', message: 'QEMU refused device_del: no such device' })
})

it('a command that QEMU did not answer before it ended fails', async () => {
  const { wire } = wireTo(() => { wire.destroy() })
  await expect(new Qmp(wire).execute('cont')).rejects.toMatchObject({ code: 'E_LAB', message: 'QEMU ended before it answered cont' })
})
