import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { documentFile, sections, withSections } from '../../../../scripts/dev/docs.ts'
import { errorCodes } from '../../../../scripts/lib/error-codes.ts'

const readme = await readFile(new URL(`../../../../${documentFile}`, import.meta.url), 'utf8')

it('the generated parts of the README are those of the code', () => {
  expect(withSections(readme)).toBe(readme)
})

it('every error code has a line with its exit status', () => {
  const lines = sections()['errors']?.trimEnd().split('\n') ?? []
  expect(lines.length).toBe(Object.keys(errorCodes).length + 2)
  expect(lines).toContainEqual(expect.stringMatching(/^\| `E_SMOKE` \| 1 \| /))
})

it('a bar inside a cell does not end it', () => {
  expect(sections()['options']).toContain('| `-t, --target <name\\|file>` |')
})

it('what stands between the marks is replaced, the rest is kept', () => {
  expect(withSections('a\n<!-- docs: x -->\nold\n<!-- /docs -->\nb\n', { x: 'new\n' })).toBe('a\n<!-- docs: x -->\nnew\n<!-- /docs -->\nb\n')
})

it('a part without a mark, a mark without a part and an open mark are errors', () => {
  expect(() => withSections('', { x: '' })).toThrow('no mark for x')
  expect(() => withSections('<!-- docs: y -->\n<!-- /docs -->', { x: '' })).toThrow('no generated part named y')
  expect(() => withSections('<!-- docs: x -->\n<!-- docs: y -->\n<!-- /docs -->', { x: '', y: '' })).toThrow('the part x is not closed')
})
