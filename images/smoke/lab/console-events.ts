/** What a guest's console tells, as it happens. The order is that of a boot; any of them may be missing. */
export type ConsoleEvent =
  | { kind: 'firmware'; name: string }
  | { kind: 'boot-loader'; name: string }
  | { kind: 'kernel'; release: string }
  | { kind: 'initramfs' }
  | { kind: 'init'; name: string }
  | { kind: 'login'; host: string }
  | { kind: 'shutdown' }
  | { kind: 'failure'; what: ConsoleFailure; line: string }

export type ConsoleFailure = (typeof failurePatterns)[number]['what']

/** Lines that no healthy boot prints. A fatal one ends the wait at once: nothing good can follow. */
export const failurePatterns = [
  { what: 'kernel panic', fatal: true, pattern: /Kernel panic - not syncing/ },
  { what: 'kernel oops', fatal: true, pattern: /: [0-9a-f]{4} \[#\d+\] |Unable to handle kernel|general protection fault, / },
  { what: 'kernel bug', fatal: true, pattern: /kernel BUG at |\bBUG: (?!workqueue lockup|soft lockup)/ },
  { what: 'kernel warning', fatal: false, pattern: /\bWARNING: (CPU|possible|suspicious|bad unlock)/ },
  { what: 'hung task', fatal: false, pattern: /blocked for more than \d+ seconds/ },
  { what: 'out of memory', fatal: false, pattern: /Out of memory: |invoked oom-killer/ },
  { what: 'failed unit', fatal: false, pattern: /\[FAILED\] Failed to |Failed to start .*\.service/ },
  { what: 'refused by Secure Boot', fatal: true, pattern: /^error: .*bad shim signature|^BdsDxe: failed to (load|start) .*: (Access Denied|Security Violation)|Verification failed: .*Security Violation/ },
  { what: 'no boot device', fatal: true, pattern: /No bootable device|BdsDxe: No bootable option|Boot failed: not a bootable disk|isolinux\.bin missing or corrupt/ },
  { what: 'boot loader error', fatal: true, pattern: /^(ERROR: No configuration file found|Could not find kernel image|error: (file|no such device|you need to load the kernel first).*)/i },
  { what: 'no root file system', fatal: true, pattern: /Unable to find a medium containing a live file system|Can not mount \/dev\/loop|ALERT!.*does not exist|\(initramfs\) *$/ },
  { what: 'emergency mode', fatal: true, pattern: /You are in emergency mode|Entering emergency mode/ },
] as const

export function isFatal(what: ConsoleFailure): boolean {
  return failurePatterns.some((row) => row.what === what && row.fatal)
}

const eventPatterns: readonly { pattern: RegExp; event: (match: RegExpExecArray) => ConsoleEvent }[] = [
  { pattern: /(SeaBIOS) \(version/, event: (match) => ({ kind: 'firmware', name: match[1] ?? '' }) },
  { pattern: /^BdsDxe: loading/, event: () => ({ kind: 'firmware', name: 'OVMF' }) },
  { pattern: /\b(ISOLINUX|SYSLINUX|EXTLINUX) \d/, event: (match) => ({ kind: 'boot-loader', name: match[1] ?? '' }) },
  { pattern: /GNU GRUB|Welcome to GRUB!/, event: () => ({ kind: 'boot-loader', name: 'GRUB' }) },
  { pattern: /Linux version (\S+) \(/, event: (match) => ({ kind: 'kernel', release: match[1] ?? '' }) },
  { pattern: /^Loading, please wait\.\.\./, event: () => ({ kind: 'initramfs' }) },
  { pattern: /systemd\[1\]: systemd \S+ running in system mode|^Welcome to (?!GRUB!).+!$/, event: () => ({ kind: 'init', name: 'systemd' }) },
  // While a system still boots, a message may follow the prompt on its line.
  { pattern: /^(\S+) login: ?(?=$|\[)/, event: (match) => ({ kind: 'login', host: match[1] ?? '' }) },
  { pattern: /reboot: Restarting system|reboot: Power down/, event: () => ({ kind: 'shutdown' }) },
]

/** The events in one line of console output, escape sequences removed. */
export function eventsIn(line: string): ConsoleEvent[] {
  const events: ConsoleEvent[] = []
  for (const { pattern, event } of eventPatterns) {
    const match = pattern.exec(line)
    if (match) events.push(event(match))
  }
  for (const { what, pattern } of failurePatterns) {
    if (pattern.test(line)) events.push({ kind: 'failure', what, line: line.trim() })
  }
  return events
}

/**
 * The address where the guest's kernel met a breakpoint that is not in its memory, or undefined. The kernel changes its code by way of breakpoints, and QEMU before
 * 8.1 may keep the translation of one that has gone (https://bugzilla.redhat.com/show_bug.cgi?id=2216496): emulating with several processors only, once in
 * some thousand boots. The instruction is shown as it is in memory, so a breakpoint that is really there is not taken for it.
 */
export function emulatorFault(console: string): string | undefined {
  const [, where] = /\bint3: 0000 \[#1\][^]*?\bRIP: \S+?:(\S+)[^]*?\bCode: (?:[0-9a-f]{2} )*?(?!cc)[0-9a-f]{2} <[0-9a-f]{2}>/.exec(plainText(console)) ?? []
  return where
}

/** Terminal control: CSI and OSC sequences, two-character escapes, and every other control character but line feed, tab. */
export function plainText(text: string): string {
  return text
    // eslint-disable-next-line no-control-regex
    .replace(/\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[()][0-9A-Za-z]|\x1b[ -~]/g, '')
    // eslint-disable-next-line no-control-regex
    .replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '')
}
