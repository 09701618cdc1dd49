import { defineConfig } from 'vitest/config'

const minutes = 60_000

// Long tests that do not fit into `npm test` are named *.full.test.ts; `npm run test:full` adds them.
const exclude = process.env['NAT64_FORGE_FULL'] === '1' ? [] : ['**/*.full.test.ts']

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], exclude, testTimeout: 20_000, sequence: { groupOrder: 0 } } },
      // Two files at a time: they pack, download and wait as much as they compile.
      { test: { name: 'tools', include: ['test/tools/**/*.test.ts'], exclude, testTimeout: 10 * minutes, hookTimeout: 10 * minutes, maxWorkers: 2, sequence: { groupOrder: 1 } } },
      // One at a time: a guest that has to share its processors with another is late with everything.
      { test: { name: 'qemu', include: ['test/qemu/**/*.test.ts'], exclude, testTimeout: 30 * minutes, hookTimeout: 30 * minutes, fileParallelism: false, sequence: { groupOrder: 2 } } },
    ],
  },
})
