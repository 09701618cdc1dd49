import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'

/** Where the Python lies that runs on routers, and its tests; relative to the project. */
export const pythonFolders = {
  package: ['packaging/nat64ctl/usr/lib/python3/dist-packages', 'packaging/vyos-nat64/usr/lib/python3/dist-packages', 'packaging/vyos-nat64/usr/libexec/vyos', 'packaging/vyos-nat64/usr/lib/vyos-nat64', 'packaging/oci/root/usr/local/lib/nat64-container'],
  test: ['test/python'],
} as const
export type PythonKind = keyof typeof pythonFolders

/** Paths of the .py files of a kind, relative to the project, sorted. */
export async function pythonFiles(projectDir: string, kind: PythonKind): Promise<string[]> {
  const found = await Promise.all(pythonFolders[kind].map((folder) => readdir(join(projectDir, folder), { recursive: true, withFileTypes: true })))
  return found.flat().filter((entry) => entry.isFile() && entry.name.endsWith('.py')).map((entry) => relative(projectDir, join(entry.parentPath, entry.name))).sort()
}
