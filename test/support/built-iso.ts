import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { program } from './cli.ts'
import { testStore } from './test-store.ts'

/** The default target's ISO, built into `dir` from the test store. */
export async function builtIso(dir: string): Promise<string> {
  const store = await testStore()
  await new Promise<void>((resolve, reject) => {
    execFile(process.execPath, [program, 'build', '--target', 'debian-12', '--until', 'iso', '--fast', '--store', store, '--out', join(dir, 'out')], { cwd: dir, maxBuffer: 1 << 28 }, (error, _stdout, stderr) => {
      if (error) reject(new Error(stderr))
      else resolve()
    })
  })
  return join(dir, 'out/debian-12/debian-12-router.iso')
}
