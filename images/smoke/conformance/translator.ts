/** `nat64`: stateful (RFC 6146). `nat46`: stateless (RFC 7915), explicit maps and a prefix. */
export type TranslationKind = 'nat64' | 'nat46'
export type Engine = 'jool' | 'tayga'
export type Mode = 'inline' | 'isolated' | 'iptables'
export type Protocol = 'tcp' | 'udp' | 'icmp'

/** What the translator is to do, in no engine's words. Addresses as text; prefixes with their length. */
export interface TranslatorConfig {
  kind: TranslationKind
  prefix: string
  /** nat64: IPv4 addresses and ports (identifiers for ICMP) that IPv6 hosts share; inclusive ranges. */
  pools: readonly { protocol: Protocol; address: string; ports: string; mark?: number }[]
  /** nat64: fixed mappings. */
  statics: readonly { protocol: Protocol; inside: string; insidePort: number; outside: string; outsidePort: number }[]
  /** nat46: explicit address maps. */
  maps: readonly { ipv4: string; ipv6: string }[]
  /** By the names that Jool has for them; addresses, numbers and seconds as text, "true" and "false". */
  options: Readonly<Record<string, string>>
  /** Beside it, 464XLAT's customer side (RFC 6877): IPv4 hosts behind this router, and what the IPv6 network sees of them. */
  clat?: { ipv4: string; ipv6: string }
}

/** A way to run a translator on the router under test. */
export interface TranslatorSetup {
  /** "jool-inline" */
  readonly name: string
  readonly engine: Engine
  readonly mode: Mode
  /** How many routers a translated packet passes, the translator being one. */
  readonly hops: number
  /** Where the translator's own ICMP errors come from. */
  readonly own: { v6: string; v4: string }
  /** Addresses that answer echo requests, as near to the translator as there are any. */
  readonly marks: { v6: string; v4: string }
  /** Of the links on both sides of the translator. */
  readonly mtu: number
  /** How often a packet waits for its turn within the router: each time, an answer of the router may overtake it once. */
  readonly queues: number
  /** Why this router cannot do it; undefined when it can. */
  missing(kind: TranslationKind): Promise<string | undefined>
  /** Takes the place of what ran before. @throws CheckFailed with the router's words */
  apply(config: TranslatorConfig): Promise<void>
  /** Nothing of it stays behind. */
  remove(): Promise<void>
  /** What the translator says of a session, as seconds until it ends; undefined when there is none. */
  sessionExpiry(protocol: Protocol, inside: string, insidePort: number): Promise<number | undefined>
}
