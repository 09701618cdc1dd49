import { needsTools } from './tools.ts'

/** The other way round, for test/qemu/smoke-lab.test.ts. */
export function lacks(...commands: readonly string[]): boolean {
  return !needsTools(...commands)
}
