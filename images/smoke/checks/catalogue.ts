/** The built-in checks in their order: cheap before dear, what explains a failure before what fails by it. */
export const titles = {
  'boot': 'the ISO boots through its own boot loader to a login',
  'configure': 'the router takes its configuration on the console',
  'kernel': 'the kernel is the one the modules were built for',
  'lockdown': 'Secure Boot is on, and the kernel is locked down',
  'modules': 'Jool\'s modules are loaded, and of the tools\' version',
  'icmp': 'the IPv6-only host pings the IPv4-only host',
  'tcp-small': 'TCP: a small exchange, content verified',
  'udp-small': 'UDP: small datagrams, every one verified',
  'tcp-bulk': 'TCP: tens of megabytes in both directions, content verified',
  'udp-bulk': 'UDP: tens of megabytes, every datagram verified',
  'path-mtu': 'path MTU: the IPv6 host learns IPv4\'s smaller MTU',
  'path-mtu-v4': 'path MTU: the IPv4 host learns IPv6\'s smaller MTU',
  'fragments': 'datagrams larger than any MTU arrive in fragments, both ways',
  'traceroute': 'traceroute shows the router and the IPv4 hop behind it',
  'parallel': 'at least 500 TCP connections at once, none lost',
  'sessions': 'the session table shows them',
  'unload': 'Jool\'s modules leave the kernel, and translate again when the service starts',
  'units': 'no unit has failed',
  'kernel-log': 'no panic, oops, warning, hung task or lack of memory',
  'reboot': 'a reboot brings everything back without being configured again',
  'units-after-reboot': 'after the reboot: no unit has failed',
  'kernel-log-after-reboot': 'shutting down and after the reboot: no panic, oops, warning, hung task or lack of memory',
} as const

export type CheckId = keyof typeof titles
export const checkIds = Object.keys(titles) as CheckId[]

/** Not asked when the target has `reboot: false`. */
export const rebootSet: ReadonlySet<CheckId> = new Set<CheckId>(['reboot', 'units-after-reboot', 'kernel-log-after-reboot'])
/** Asked of boots with Secure Boot on, and of these only. */
export const secureSet: ReadonlySet<CheckId> = new Set<CheckId>(['lockdown'])
export const fullSet: ReadonlySet<CheckId> = new Set(checkIds)
/** For a boot that repeats another's router under other firmware. */
export const shortSet: ReadonlySet<CheckId> = new Set<CheckId>(['boot', 'configure', 'kernel', 'lockdown', 'modules', 'icmp', 'tcp-small', 'udp-small', 'kernel-log'])
