import type { Argv } from '../lib/exec.ts'

export interface Check {
  name: string
  argv: Argv
}

const npmRun = (name: string, ...words: string[]): Check => ({ name, argv: ['npm', 'run', '--silent', name, ...words] })

/** What is checked without running a build; the slowest last. */
export const checks: readonly Check[] = [
  npmRun('types'), npmRun('imports'), npmRun('unused'), npmRun('schemas', '--', '--check'), npmRun('docs', '--', '--check'),
  npmRun('python:types'), npmRun('python:lint'), npmRun('python:3.7'), npmRun('lint'),
]
