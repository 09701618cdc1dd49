/** Bytes of an IPv4 address in dotted decimal. @throws Error when it is none */
export function bytes4(text: string): Buffer {
  const parts = text.split('.').map(Number)
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) throw new Error(`not an IPv4 address: ${text}`)
  return Buffer.from(parts)
}

export function text4(bytes: Uint8Array): string {
  return [...bytes.subarray(0, 4)].join('.')
}

/** Bytes of an IPv6 address; its last 32 bits may be dotted decimal. @throws Error when it is none */
export function bytes6(text: string): Buffer {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  const tail = dotted ? bytes4(dotted[2] ?? '') : undefined
  const plain = dotted && tail ? `${dotted[1] ?? ''}${tail.readUInt16BE(0).toString(16)}:${tail.readUInt16BE(2).toString(16)}` : text
  const halves = plain.split('::')
  const groups = halves.map((half) => half === '' ? [] : half.split(':'))
  const missing = 8 - groups.flat().length
  const all = halves.length === 2 && missing > 0 ? [...groups[0] ?? [], ...Array<string>(missing).fill('0'), ...groups[1] ?? []] : groups.flat()
  if (halves.length > 2 || (halves.length === 2 && missing < 1) || all.length !== 8 || all.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) throw new Error(`not an IPv6 address: ${text}`)
  const bytes = Buffer.alloc(16)
  for (const [index, group] of all.entries()) bytes.writeUInt16BE(parseInt(group, 16), 2 * index)
  return bytes
}

/** RFC 5952: lower case, the first of the longest runs of at least two zero groups as "::". */
export function text6(bytes: Uint8Array): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, 16)
  const groups = Array.from({ length: 8 }, (_, index) => view.readUInt16BE(2 * index))
  let [start, length] = [0, 1]
  for (let from = 0; from < 8; from++) {
    let to = from
    while (to < 8 && groups[to] === 0) to++
    if (to - from > length) [start, length] = [from, to - from]
  }
  const hex = groups.map((group) => group.toString(16))
  return length < 2 ? hex.join(':') : `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

/** The IPv6 address that stands for an IPv4 address under a prefix of RFC 6052, section 2.2; bits 64 to 71 stay zero. */
export function embed(prefix: string, ipv4: string): string {
  const [base = '', lengthText] = prefix.split('/')
  const length = Number(lengthText)
  if (![32, 40, 48, 56, 64, 96].includes(length)) throw new Error(`no prefix of RFC 6052: ${prefix}`)
  const bytes = bytes6(base)
  let at = length / 8
  for (const byte of bytes4(ipv4)) {
    if (at === 8) at++
    bytes[at++] = byte
  }
  return text6(bytes)
}
