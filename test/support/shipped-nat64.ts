/** What VyOS 1.4, 1.5 and the rolling releases of 2024 take in a node of their own `nat64`: any of these. A leaf without is a switch. */
export interface Shipped {
  kind: 'node' | 'tagNode' | 'leafNode'
  accepts?: { regexes?: readonly string[]; validators?: readonly { name: string; argument?: string }[] } | undefined
}

const node: Shipped = { kind: 'node' }
const switchLeaf: Shipped = { kind: 'leafNode' }
const number = (max: number): Shipped['accepts'] => ({ validators: [{ name: 'numeric', argument: `--range 1-${String(max)}` }] })
const leaf = (...names: string[]): Shipped => ({ kind: 'leafNode', accepts: { validators: names.map((name) => ({ name })) } })
const description: Shipped = { kind: 'leafNode', accepts: { regexes: ['.{0,255}'] } }

/** By path, in the order of VyOS's definition. */
export const shippedNat64: ReadonlyMap<string, Shipped> = new Map([
  ['', node],
  ['source', node],
  ['source rule', { kind: 'tagNode', accepts: number(999_999) }],
  ['source rule description', description],
  ['source rule disable', switchLeaf],
  ['source rule match', node],
  ['source rule match mark', { kind: 'leafNode', accepts: number(2_147_483_647) }],
  ['source rule source', node],
  ['source rule source prefix', leaf('ipv6-prefix')],
  ['source rule translation', node],
  ['source rule translation pool', { kind: 'tagNode', accepts: number(999_999) }],
  ['source rule translation pool description', description],
  ['source rule translation pool disable', switchLeaf],
  ['source rule translation pool port', leaf('port-range')],
  ['source rule translation pool protocol', node],
  ['source rule translation pool protocol tcp', switchLeaf],
  ['source rule translation pool protocol udp', switchLeaf],
  ['source rule translation pool protocol icmp', switchLeaf],
  ['source rule translation pool address', leaf('ipv4-address', 'ipv4-prefix')],
].map(([path, shipped]) => [`nat64 ${path as string}`.trim(), shipped as Shipped]))
