/** Calls that no package needs, each with its number on amd64 and on i386, whose programs an amd64 kernel runs too. */
const refused = {
  // Kept by the kernel for the host's user, outside of every namespace.
  add_key: [248, 286], request_key: [249, 287], keyctl: [250, 288],
  // Ways into what was there before.
  setns: [308, 346], open_by_handle_at: [304, 342],
  // The kernel's log.
  syslog: [103, 103],
  // Large parts of the kernel, for whoever looks for a fault in it.
  bpf: [321, 357], perf_event_open: [298, 336], userfaultfd: [323, 374], io_uring_setup: [425, 425],
} as const satisfies Record<string, readonly [number, number]>
/** Refused with a flag: in a user namespace of its own, a process would be root over namespaces once more. */
const withNewUser = { unshare: [272, 310], clone: [56, 120] } as const satisfies Record<string, readonly [number, number]>
/** Sockets are of the network namespace, which has no network; some families are not, as that between a virtual machine and its host. */
const socket = [41, 359] as const
const families = { unix: 1, inet: 2, inet6: 10, netlink: 16 } as const
/** The old way to all calls on sockets of i386, whose arguments lie in memory. */
const socketcall = 102
/** Its flags lie in memory, where no filter looks: programs do without it, and use clone, where the kernel has none. */
const clone3 = 435

const newUser = 0x10000000
/** The second ABI of amd64 has numbers of its own from here on. */
const x32 = 0x40000000
const [permitted, perm, noSys, noFamily] = [0x7fff0000, 0x00050001, 0x00050026, 0x00050061]
/** Offsets in what a filter is given (struct seccomp_data). */
const [number, architecture, firstArgument] = [0, 4, 16]
const [load, ret, ifEqual, ifAtLeast, ifAnyBit] = [0x20, 0x06, 0x15, 0x35, 0x45]

type Instruction = readonly [code: number, then: number, otherwise: number, value: number]

/**
 * A filter of system calls for what runs in an image, as the kernel takes it (classic BPF, struct sock_filter). Where the machine is no amd64 it lets everything
 * through. Pure.
 * @see Documentation/userspace-api/seccomp_filter.rst
 */
export function systemCallFilter(): Buffer {
  const program: Instruction[] = [[load, 0, 0, architecture]]
  for (const [index, machine] of [0xc000003e, 0x40000003].entries()) {
    const calls = callsOf(index === 0 ? 0 : 1)
    program.push([ifEqual, 0, calls.length, machine], ...calls)
  }
  program.push([ret, 0, 0, permitted])
  const bytes = Buffer.alloc(program.length * 8)
  for (const [index, [code, then, otherwise, value]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(then, index * 8 + 2)
    bytes.writeUInt8(otherwise, index * 8 + 3)
    bytes.writeUInt32LE(value, index * 8 + 4)
  }
  return bytes
}

function callsOf(column: 0 | 1): Instruction[] {
  const answer = (call: number, value: number): Instruction[] => [[ifEqual, 0, 1, call], [ret, 0, 0, value]]
  return [
    [load, 0, 0, number],
    ...(column === 0 ? [[ifAtLeast, 0, 1, x32], [ret, 0, 0, noSys]] as const : []),
    ...Object.values(refused).flatMap((numbers) => answer(numbers[column], perm)),
    ...answer(clone3, noSys),
    ...(column === 1 ? answer(socketcall, noFamily) : []),
    [ifEqual, 0, Object.keys(families).length * 2 + 2, socket[column]], [load, 0, 0, firstArgument], ...Object.values(families).flatMap((family) => answer(family, permitted)), [ret, 0, 0, noFamily],
    ...Object.values(withNewUser).flatMap((numbers): Instruction[] => [[ifEqual, 0, 4, numbers[column]], [load, 0, 0, firstArgument], [ifAnyBit, 0, 1, newUser], [ret, 0, 0, perm], [ret, 0, 0, permitted]]),
    [ret, 0, 0, permitted],
  ]
}
