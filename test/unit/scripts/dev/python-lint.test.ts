import { describe, expect, it } from 'vitest'
import { lintPython } from '../../../../scripts/dev/python-lint.ts'

describe('the linter of the Python that runs on routers', () => {
  it('says line, column, rule and why', () => {
    expect(lintPython('import os\n', 'package')).toEqual(['1:8: F401 `os` imported but unused'])
  })

  it('refuses syntax that Python 3.7 does not have, which ast lets through', () => {
    expect(lintPython('def both(rest):\n    return *rest, 3\n', 'package'))
      .toEqual(['2:12: invalid-syntax Cannot use iterable unpacking in return statements on Python 3.7 (syntax was added in Python 3.8)'])
  })

  it('leaves lines up to 150 characters alone, and no longer ones', () => {
    const line = (length: number): string => `X = "${'x'.repeat(length - 6)}"\n`
    expect(lintPython(line(150), 'package')).toEqual([])
    expect(lintPython(line(151), 'package')).toEqual(['1:151: E501 Line too long (151 > 150)'])
  })

  it('lets the tests alone reach into what is private', () => {
    const text = 'from nat64ctl import syntax\n\nsyntax.reader._position()\n'
    expect(lintPython(text, 'package')).toEqual(['3:1: SLF001 Private member accessed: `_position`'])
    expect(lintPython(text, 'test')).toEqual([])
  })
})
