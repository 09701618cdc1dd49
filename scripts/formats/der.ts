import { ForgeError } from '../lib/errors.ts'

/** One element of a DER encoding (X.690): its tag, and where it and its contents lie in the bytes it was read from. */
export interface DerElement {
  /** The identifier octet: 0x30 is a SEQUENCE, 0x31 a SET, 0x02 an INTEGER, 0xa0 the context's [0]. */
  tag: number
  /** The element with its header. */
  raw: Buffer
  contents: Buffer
}

/** Reads the element at the start of `bytes`; what follows it is not looked at. @throws ForgeError E_DER */
export function readDer(bytes: Buffer): DerElement {
  const [tag, first] = [bytes[0], bytes[1]]
  if (tag === undefined || first === undefined) throw damaged('it ends before an element does')
  if ((tag & 0x1f) === 0x1f) throw damaged(`tag 0x${tag.toString(16)} has more than one octet, which nothing here uses`)
  let header = 2
  let length = first
  if (first >= 0x80) {
    const octets = first & 0x7f
    // The indefinite form is not DER; four octets are 4 GiB.
    if (octets === 0 || octets > 4 || bytes.length < 2 + octets) throw damaged('an element has an impossible length')
    length = bytes.readUIntBE(2, octets)
    header += octets
  }
  if (header + length > bytes.length) throw damaged(`an element of ${String(length)} bytes reaches beyond the end`)
  return { tag, raw: bytes.subarray(0, header + length), contents: bytes.subarray(header, header + length) }
}

/** The elements inside a SEQUENCE, a SET or a context tag. @throws ForgeError E_DER */
export function derChildren({ contents }: DerElement): DerElement[] {
  const children: DerElement[] = []
  for (let at = 0; at < contents.length;) {
    const child = readDer(contents.subarray(at))
    children.push(child)
    at += child.raw.length
  }
  return children
}

/** An element that must be there and of this kind. @throws ForgeError E_DER */
export function expectDer(element: DerElement | undefined, tag: number, what: string): DerElement {
  if (element?.tag !== tag) throw damaged(`${what} is missing`)
  return element
}

/** An OBJECT IDENTIFIER as people write it: `2.16.840.1.101.3.4.2.1`. */
export function derOid({ contents }: DerElement): string {
  const numbers: number[] = []
  let value = 0
  for (const octet of contents) {
    value = value * 128 + (octet & 0x7f)
    if (octet >= 0x80) continue
    if (numbers.length === 0) numbers.push(Math.min(Math.floor(value / 40), 2), value - 40 * Math.min(Math.floor(value / 40), 2))
    else numbers.push(value)
    value = 0
  }
  return numbers.join('.')
}

function damaged(why: string): ForgeError {
  return new ForgeError('E_DER', `the ASN.1 data is damaged: ${why}`)
}
