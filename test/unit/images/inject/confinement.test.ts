import { describe, expect, test } from 'vitest'
import { heldBack, realFolder } from '../../../../images/inject/held-back.ts'
import { pseudoFile } from '../../../../images/inject/new-squashfs.ts'
import { protectedPackages } from '../../../../images/inject/packages.ts'
import { systemCallFilter } from '../../../../images/inject/system-calls.ts'
import type { Squashfs } from '../../../../scripts/formats/squashfs/squashfs.ts'

describe('the filter of system calls', () => {
  const [amd64, i386, arm64] = [0xc000003e, 0x40000003, 0xc00000b7]
  const [allow, perm, noSys] = [0x7fff0000, 0x50001, 0x50026]
  const filter = systemCallFilter()

  /** What the kernel's interpreter of such programs would answer. */
  function answer(architecture: number, call: number, firstArgument = 0): number {
    const data = new Map([[0, call], [4, architecture], [16, firstArgument]])
    let [at, accumulator] = [0, 0]
    for (let steps = 0; steps < filter.length / 8; steps += 1) {
      const [code, then, otherwise, value] = [filter.readUInt16LE(at * 8), filter.readUInt8(at * 8 + 2), filter.readUInt8(at * 8 + 3), filter.readUInt32LE(at * 8 + 4)]
      const jump = (holds: boolean): void => { at += 1 + (holds ? then : otherwise) }
      if (code === 0x06) return value
      else if (code === 0x20) {
        const loaded = data.get(value)
        if (loaded === undefined) throw new Error(`reads at ${String(value)}`)
        accumulator = loaded
        at += 1
      } else if (code === 0x15) jump(accumulator === value)
      else if (code === 0x35) jump(accumulator >= value)
      else if (code === 0x45) jump((accumulator & value) !== 0)
      else throw new Error(`instruction ${String(code)}`)
    }
    throw new Error('no end')
  }

  test.each([['keyctl', 250, 288], ['add_key', 248, 286], ['request_key', 249, 287], ['setns', 308, 346], ['open_by_handle_at', 304, 342], ['syslog', 103, 103], ['bpf', 321, 357], ['perf_event_open', 298, 336], ['userfaultfd', 323, 374], ['io_uring_setup', 425, 425]])('refuses %s', (_name, one, other) => {
    expect([answer(amd64, one), answer(i386, other)]).toEqual([perm, perm])
  })

  test.each([['unshare', 272, 310], ['clone', 56, 120]])('refuses a user namespace by %s, and nothing else of it', (_name, one, other) => {
    const [newUser, thread] = [0x10000000, 0x3d0f00]
    expect([answer(amd64, one, newUser | 0x20000), answer(i386, other, newUser), answer(amd64, one, thread), answer(i386, other, thread)]).toEqual([perm, perm, allow, allow])
  })

  test('knows sockets of four families, and no call whose family it cannot read', () => {
    const noFamily = 0x50061
    for (const [architecture, call] of [[amd64, 41], [i386, 359]] as const) expect([1, 2, 10, 16, 17, 38, 40, 44].map((family) => answer(architecture, call, family))).toEqual([...Array<number>(4).fill(allow), ...Array<number>(4).fill(noFamily)])
    expect([answer(i386, 102, 1), answer(amd64, 102)]).toEqual([noFamily, allow])
  })

  test('knows no clone3, whose flags it cannot read, nor the numbers of x32; lets everything else through, and all of other machines', () => {
    expect([answer(amd64, 435), answer(i386, 435), answer(amd64, 0x40000000 + 250)]).toEqual([noSys, noSys, noSys])
    // read, execve, chown, mount (which needs a capability that nobody has), and numbers of one that are refused under the other.
    expect([0, 59, 92, 165, 288, 310].map((call) => answer(amd64, call))).toEqual(Array(6).fill(allow))
    expect([3, 11, 182, 21, 250, 272].map((call) => answer(i386, call))).toEqual(Array(6).fill(allow))
    expect(answer(arm64, 250)).toBe(allow)
  })

  test('is no longer than a jump in it reaches', () => {
    expect(filter.length / 8).toBeLessThan(256)
  })
})

interface Tree { [name: string]: Tree | string }

/** Folders, and links by what they say. */
function squashfsOf(tree: Tree): Squashfs {
  const inodeOf = (node: Tree | string): unknown => typeof node === 'string' ? { kind: 'symlink', targetBytes: Buffer.from(node) } : { kind: 'directory', node }
  const fake = {
    root: inodeOf(tree),
    entries: ({ node }: { node: Tree }) => new Map(Object.entries(node)),
    inode: inodeOf,
  }
  return fake as unknown as Squashfs
}

describe('a folder of the image', () => {
  test.each<[string, Tree, string, string | undefined]>([
    ['as it is', { usr: { sbin: {} } }, 'usr/sbin', 'usr/sbin'],
    ['behind a link', { usr: { sbin: 'bin', bin: {} } }, 'usr/sbin', 'usr/bin'],
    ['behind a link from the root', { usr: { sbin: '/opt/../bin', bin: {} }, opt: {}, bin: 'usr/bin' }, 'usr/sbin', 'usr/bin'],
    ['never above the root', { usr: { sbin: '../../../../etc' }, etc: {} }, 'usr/sbin', 'etc'],
    ['that nothing leads to', { usr: { sbin: '/nowhere' } }, 'usr/sbin', undefined],
    ['behind a link to itself', { usr: { sbin: 'sbin' } }, 'usr/sbin', undefined],
  ])('%s', (_what, tree, path, expected) => {
    expect(realFolder(squashfsOf(tree), path)).toBe(expected)
  })

  test('has the programs that others stand in for, in the image and nowhere else', () => {
    expect(heldBack(squashfsOf({ usr: { sbin: 'bin', bin: { 'update-initramfs': {} } } }))).toEqual(['policy usr/bin/policy-rc.d', 'initramfs usr/bin/update-initramfs'])
    expect(heldBack(squashfsOf({ usr: { sbin: {}, bin: { 'linux-check-removal': {} } } }))).toEqual(['policy usr/sbin/policy-rc.d', 'removal usr/bin/linux-check-removal'])
    expect(() => heldBack(squashfsOf({ usr: { bin: {} } }))).toThrow(/no folder \/usr\/sbin/)
    expect(() => heldBack(squashfsOf({ usr: { bin: {}, sbin: 'a\n/etc', 'a\n': { etc: {} } } }))).toThrow(/no folder \/usr\/sbin/)
  })
})

test('a name of the image is no order to mksquashfs', () => {
  expect(() => pseudoFile([{ path: 'a\nb f 644 0 0 touch /planted', mode: 0o755, uid: 5, gid: 5 }])).toThrow(/line break/)
})

test('protected packages are those that say so', () => {
  expect(protectedPackages('Package: bb\nStatus: install ok installed\nProtected: yes\n\nPackage: cc\nDescription: x\n Protected: yes\n\n\nPackage: aa\nProtected: yes\n\nPackage: -oDPkg::Pre-Invoke::=planted\nProtected: yes\n')).toEqual(['aa', 'bb'])
})
