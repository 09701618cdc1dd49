import { expect, test } from 'vitest'
import { debugShell } from '../../../../scripts/lib/debug-shell.ts'

const there = (): boolean => true
const notThere = (): boolean => false
const mmdebstrap = ['mmdebstrap', '--mode=root', '--setup-hook=copy-in /x/etc /', '--include=a,b', 'bookworm', '/store/work/root', 'deb [trusted=yes] copy:/pool ./', 'deb [trusted=yes] copy:/apt ./']

test('a command in the build root gets its shell there, with the same binds', () => {
  expect(debugShell(['bwrap', '--ro-bind', '/root', '/', '--', 'make', '--', 'x'], undefined)).toEqual({
    argv: ['bwrap', '--ro-bind', '/root', '/', '--', 'bash', '-i'], place: 'in the command\'s sandbox, which sees what it saw',
  })
})

test('a key that the command read is not asked of the terminal', () => {
  expect(debugShell(['bwrap', '--ro-bind', '/root', '/', '--ro-bind-data', '0', '/build/key', '--chdir', '/build', '--', 'sign-file'], undefined).argv)
    .toEqual(['bwrap', '--ro-bind', '/root', '/', '--chdir', '/build', '--', 'bash', '-i'])
})

test('a command in a chroot gets its shell in that root', () => {
  expect(debugShell(['chroot', '/r', 'usermod'], undefined, there)).toEqual({ argv: ['chroot', '/r', 'bash', '-i'], place: 'in the root /r' })
})

test('mmdebstrap gets its shell in the root that it was making', () => {
  expect(debugShell(mmdebstrap, undefined, there)).toEqual({ argv: ['chroot', '/store/work/root', 'bash', '-i'], place: 'in the root /store/work/root' })
})

test('a root that has no shell gives a shell of the host, and says so', () => {
  expect(debugShell(mmdebstrap, '/w', notThere)).toEqual({ argv: ['bash', '-i'], place: 'on this host, in /w (the root /store/work/root has no shell yet, or no longer)' })
  expect(debugShell(['chroot', '/no/such/root', 'x'], '/w').argv).toEqual(['bash', '-i'])
})

test('any other command gets a shell of the host in its folder', () => {
  expect(debugShell(['xorriso', '-as'], '/w', there)).toEqual({ argv: ['bash', '-i'], place: 'on this host, in /w' })
  expect(debugShell(['mmdebstrap', '--help'], undefined, there)).toEqual({ argv: ['bash', '-i'], place: `on this host, in ${process.cwd()}` })
})
