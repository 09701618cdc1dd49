#!/usr/bin/env -S node --max-semi-space-size=1
// TypeScript runs as it is: no build step, neither for users nor for developers. A small young generation saves 15 MB of
// memory and no time: what this program allocates is mostly outside of it.
import { existsSync } from 'node:fs'

if (!existsSync(new URL('../node_modules/tsx', import.meta.url))) {
  console.error('nat64-forge: its npm packages are not installed; run `npm ci` here first')
  process.exit(69)
}
const { register } = await import('tsx/esm/api')
register()
await import('./cli.ts')
