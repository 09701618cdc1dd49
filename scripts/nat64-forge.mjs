#!/usr/bin/env node
// TypeScript runs as it is: no build step, neither for users nor for developers.
import { existsSync } from 'node:fs'

if (!existsSync(new URL('../node_modules/tsx', import.meta.url))) {
  console.error('nat64-forge: its npm packages are not installed; run `npm ci` here first')
  process.exit(69)
}
const { register } = await import('tsx/esm/api')
register()
await import('./cli.ts')
