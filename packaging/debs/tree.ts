import { readdir } from 'node:fs/promises'

/** Paths of all regular files under a folder, relative to it, in byte order. */
export async function filesUnder(dir: string): Promise<string[]> {
  return (await walk(dir, '')).filter((entry) => entry.file).map((entry) => entry.path).sort(byBytes)
}

/** Paths of all folders under a folder, without itself, in byte order. */
export async function foldersUnder(dir: string): Promise<string[]> {
  return (await walk(dir, '')).filter((entry) => !entry.file).map((entry) => entry.path).sort(byBytes)
}

async function walk(dir: string, under: string): Promise<{ path: string; file: boolean }[]> {
  const found: { path: string; file: boolean }[] = []
  for (const entry of await readdir(`${dir}/${under}`, { withFileTypes: true })) {
    const path = under === '' ? entry.name : `${under}/${entry.name}`
    if (entry.isDirectory()) found.push({ path, file: false }, ...await walk(dir, path))
    else if (entry.isFile()) found.push({ path, file: true })
  }
  return found
}

const byBytes = (a: string, b: string): number => (a < b ? -1 : 1)
