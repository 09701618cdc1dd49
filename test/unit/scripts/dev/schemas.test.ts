import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { schemaFiles, staleSchemas } from '../../../../scripts/dev/schemas.ts'
import { stageNames } from '../../../../scripts/domain/stage-name.ts'

interface JsonSchema {
  required?: string[]
  properties?: Record<string, JsonSchema>
  additionalProperties?: unknown
}

const schema = (path: string): JsonSchema => JSON.parse(schemaFiles()[path] ?? '') as JsonSchema

it('the published schemas are those of the code', async () => {
  expect(await staleSchemas(fileURLToPath(new URL('../../../..', import.meta.url)))).toEqual([])
})

it('a schema that is not there is stale', async () => {
  expect(await staleSchemas('/nonexistent')).toEqual(['images/targets/target.schema.json', 'images/targets/report.schema.json'])
})

it('a target has a section for each stage, and no other keys', () => {
  const target = schema('images/targets/target.schema.json')
  expect(Object.keys(target.properties ?? {})).toEqual(['target', 'description', 'suite', 'architecture', ...stageNames])
  expect(target.additionalProperties).toBe(false)
})

it('what has a default may be left out of a target', () => {
  expect(schema('images/targets/target.schema.json').required).toEqual(expect.arrayContaining(['target', 'suite']))
  expect(schema('images/targets/target.schema.json').required).not.toContain('architecture')
})
