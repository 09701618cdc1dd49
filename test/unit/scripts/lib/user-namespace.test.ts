import { expect, test } from 'vitest'
import { whyNot } from '../../../../scripts/lib/user-namespace.ts'

const facts = { words: '', unprivileged: undefined, most: '96365', apparmor: undefined }

test.each([
  ['a switch of the kernel', { unprivileged: '0' }, 'kernel.unprivileged_userns_clone is 0', 'set that to 1'],
  ['a limit', { most: '0' }, 'user.max_user_namespaces is 0', 'raise that'],
  ['AppArmor', { apparmor: '1', words: 'unshare: write failed /proc/self/uid_map: Operation not permitted' }, 'AppArmor', 'set that to 0'],
  ['the file system of the folder', { words: 'mount: /store/work/probe-own/merged: wrong fs type, bad option, bad superblock on overlay, missing codepage or helper program, or other error.' }, 'no overlay', '--store DIR'],
  ['a container with parts of /proc hidden', { words: 'unshare: mount /proc failed: Operation not permitted' }, '/proc', 'outside of the container'],
  ['something else', { words: 'unshare: unshare failed: Operation not permitted' }, 'cannot be made', 'outside of the container'],
])('what stands between an ordinary user and a namespace is named: %s', (_what, more, why, remedy) => {
  expect(whyNot({ ...facts, ...more })).toEqual({ why: expect.stringContaining(why) as string, remedy: expect.stringContaining(remedy) as string })
})
