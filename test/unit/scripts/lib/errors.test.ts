import { describe, expect, test } from 'vitest'
import { describeError } from '../../../../scripts/lib/describe-error.ts'
import { errorCodes, type ErrorCode } from '../../../../scripts/lib/error-codes.ts'
import { expectEqual, ForgeError, isErrno } from '../../../../scripts/lib/errors.ts'
import { rejection } from '../../../support/rejection.ts'

const codes = Object.keys(errorCodes) as ErrorCode[]

describe('the error codes', () => {
  test.each(codes)('%s has a meaning and a remedy, each in sentences', (code) => {
    expect(code).toMatch(/^E_[A-Z_]+$/)
    for (const text of [errorCodes[code].meaning, errorCodes[code].remedy]) expect(text).toMatch(/^([A-Z`]|nat64-forge ).{15,}\.$/)
  })

  test('say by the exit status who must act', () => {
    const status = (code: ErrorCode): number => new ForgeError(code, '').exitStatus
    expect(Object.fromEntries(['E_SMOKE', 'E_BOOT', 'E_USAGE', 'E_TARGET', 'E_LOCK', 'E_DIGEST', 'E_UNSUPPORTED', 'E_DISK_FULL', 'E_OFFLINE', 'E_NOT_ROOT', 'E_BUG', 'E_PACKAGE'].map((code) => [code, status(code as ErrorCode)]))).toEqual({
      E_SMOKE: 1, E_BOOT: 1, E_USAGE: 64, E_TARGET: 65, E_LOCK: 65, E_DIGEST: 65, E_UNSUPPORTED: 65, E_DISK_FULL: 69, E_OFFLINE: 69, E_NOT_ROOT: 69, E_BUG: 70, E_PACKAGE: 70,
    })
    expect(new Set(codes.map(status))).toEqual(new Set([1, 64, 65, 69, 70]))
  })
})

test('a comparison that fails names the thing, what it is and what it should be', async () => {
  expectEqual('a', 'a', 'E_VERMAGIC', 'never shown')
  expect(await rejection(() => { expectEqual('6.1 ', '6.1', 'E_VERMAGIC', 'the vermagic of jool.ko', 'do this') })).toMatchObject({
    code: 'E_VERMAGIC', message: 'the vermagic of jool.ko is "6.1 ", expected "6.1"', hint: 'do this', fault: 'input', exitStatus: 65,
  })
})

test('an error is shown with evidence first, then its code, then what to do', () => {
  expect(describeError(new ForgeError('E_COMPILE', 'could not compile', { hint: 'read it', details: '$ make\nerror: no' }))).toBe('\n  $ make\n  error: no\n\nnat64-forge: E_COMPILE: could not compile\n  next: read it\n')
  expect(describeError(new ForgeError('E_COMPILE', 'could not compile'))).toBe('\nnat64-forge: E_COMPILE: could not compile\n')
})

test('what a file brought into a message does not steer the terminal', () => {
  expect(describeError(new ForgeError('E_ELF', '\x1b[2Ja\x07\u009b.ko: no\nELF', { hint: 'get \x1b]0;b' }))).toBe('\nnat64-forge: E_ELF: ?[2Ja??.ko: no\nELF\n  next: get ?]0;b\n')
})

test('an unexpected error is shown as a bug, with its stack', () => {
  expect(describeError(new TypeError('x is undefined'))).toMatch(/^\nTypeError: x is undefined\n {4}at [\s\S]*\n\nnat64-forge: E_BUG: this should not happen\n {2}next: report it/)
  expect(describeError('a word')).toContain('\na word\n')
})

test('a file error is recognised by its code', () => {
  expect(isErrno(Object.assign(new Error('gone'), { code: 'ENOENT' }), 'ENOENT')).toBe(true)
  expect(isErrno(Object.assign(new Error('full'), { code: 'ENOSPC' }), 'ENOENT')).toBe(false)
  expect(isErrno({ code: 'ENOENT' }, 'ENOENT')).toBe(false)
})
