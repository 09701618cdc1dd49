import { X509Certificate } from 'node:crypto'
import { expect, it } from 'vitest'
import { secureBootVariables } from '../../../../images/smoke/lab/uefi-variables.ts'
import { rejection } from '../../../support/rejection.ts'

/** A self-signed certificate of nobody's key; only its bytes matter here. */
const pem = `-----BEGIN CERTIFICATE-----
MIIB/DCCAWWgAwIBAgIUTTqY84yMRQVJRE59dJrD2M0gx8MwDQYJKoZIhvcNAQEL
BQAwDzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjMyMjIxNDhaGA8yMTI2MTAzMDIy
MjE0OFowDzENMAsGA1UEAwwEdGVzdDCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkC
gYEAulE7ctDsMgjB0ERy8vtu4lBPSPImiOp5CNu50+8gNJG78fC+iohHMUwiDqim
//MNTIkzdtFXmhGGPqNZNJUJfi7W+HppA9QqMf9Paa3TnkDyTMT7Q2Olh8ksj5B0
L3I3y86rjOt81ygPfTnyr/J0hDtWFbckvCfuAHhSs2MXY08CAwEAAaNTMFEwHQYD
VR0OBBYEFLMzqvw7NIHBouAn3B8WuO1giIBMMB8GA1UdIwQYMBaAFLMzqvw7NIHB
ouAn3B8WuO1giIBMMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADgYEA
TCFG5gE9vW2axJFM+YvvMxs7CKMBhHTPDjob6aQU+1oxJjncFoo3Vcw8ONMQNKnu
fKS8rZ0DRMNGa8ANJG4m2fONc2e/bicHh2jXUYAbsEN1AjZqSrwvhDjht5YogJTp
GlB5pq2rDwlUorBNov5BqqF2j3vO1UggCU4T+rXlINs=
-----END CERTIFICATE-----
`

/** A firmware volume of 4 KiB with an empty store, as OVMF's build leaves it. */
function emptyStore(): Buffer {
  const bytes = Buffer.alloc(4096, 0xff)
  bytes.write('_FVH', 40, 'latin1')
  bytes.writeUInt16LE(72, 48)
  Buffer.from('782cf3aa7b949a43a1802e144ec37792', 'hex').copy(bytes, 72)
  bytes.fill(0, 92, 100)
  return bytes
}

/** What a reader of the store finds, in order. */
function variables(store: Buffer): { name: string; vendor: string; attributes: number; state: number; data: Buffer }[] {
  const found = []
  for (let at = 100; store.readUInt16LE(at) === 0x55aa;) {
    const [nameBytes, dataBytes] = [store.readUInt32LE(at + 36), store.readUInt32LE(at + 40)]
    const end = at + 60 + nameBytes + dataBytes
    found.push({
      name: store.toString('utf16le', at + 60, at + 60 + nameBytes), vendor: store.toString('hex', at + 44, at + 60),
      attributes: store.readUInt32LE(at + 4), state: store[at + 2] ?? 0, data: store.subarray(at + 60 + nameBytes, end),
    })
    at = (end + 3) & ~3
  }
  return found
}

it('one certificate owns the machine and vouches for what it boots', () => {
  const empty = emptyStore()
  const store = secureBootVariables(empty, pem)
  const der = new X509Certificate(pem).raw
  const found = variables(store)
  // The same GUIDs, attributes and state as in the store with test keys that Debian's ovmf ships.
  expect(found.map(({ name, vendor, attributes, state }) => [name, vendor, attributes, state])).toEqual([
    ['PK\0', '61dfe48bca93d211aa0d00e098032b8c', 0x27, 0x3f], ['KEK\0', '61dfe48bca93d211aa0d00e098032b8c', 0x27, 0x3f],
    ['db\0', 'cbb219d73a3d9645a3bcdad00e67656f', 0x27, 0x3f], ['SecureBootEnable\0', 'c70ba3f008af564599c4001009c93a44', 3, 0x3f],
  ])
  for (const { data } of found.slice(0, 3)) {
    expect([data.toString('hex', 0, 16), data.readUInt32LE(16), data.readUInt32LE(20), data.readUInt32LE(24)]).toEqual(['a159c0a5e494a74a87b5ab155c2bf072', data.length, 0, data.length - 28])
    expect(data.subarray(44).equals(der)).toBe(true)
  }
  expect([...found[3]?.data ?? []]).toEqual([1])
  expect([store.length, store.subarray(0, 100).equals(empty.subarray(0, 100)), empty.equals(emptyStore())]).toEqual([4096, true, true])
})

it.each([
  ['no firmware volume', (bytes: Buffer) => bytes.fill(0, 40, 44)],
  ['a store of another form', (bytes: Buffer) => bytes.fill(0, 72, 88)],
  ['a store with variables', (bytes: Buffer) => bytes.writeUInt16LE(0x55aa, 100)],
])('%s is refused', async (_what, change) => {
  const bytes = emptyStore()
  change(bytes)
  expect(await rejection(() => secureBootVariables(bytes, pem))).toMatchObject({ code: 'E_LAB' })
})
