import { expect, it } from 'vitest'
import { judge } from '../../../../images/smoke/checks/user.ts'

const blocked = { kind: 'blocked', why: 'no connection within 6000 ms' } as const
const broken = { kind: 'broken', why: 'the SHA-256 of 1000 bytes sent differs at the other end' } as const

it('what must arrive has to', () => {
  expect(judge('arrives', { kind: 'arrived' }, 1, 'x')).toBe('x arrived, and so did the answer')
  expect(() => judge('arrives', blocked, 0, 'x')).toThrow('x: no connection within 6000 ms')
  expect(() => judge('arrives', broken, 1, 'x')).toThrow('x: the SHA-256')
})

it('only silence and refusal are a block', () => {
  expect(judge('blocked', blocked, 0, 'x')).toBe('x did not arrive (no connection within 6000 ms)')
  expect(() => judge('blocked', { kind: 'arrived' }, 1, 'x')).toThrow('x arrived')
  expect(() => judge('blocked', broken, 0, 'x')).toThrow('x was not blocked, it failed: the SHA-256')
})

it('a datagram that came through, and whose answer did not, was not blocked', () => {
  expect(() => judge('blocked', blocked, 4, 'x')).toThrow('x arrived, only the answer did not')
})
