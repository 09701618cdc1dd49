import { readdirSync, readFileSync } from 'node:fs'

const everyMs = 10
const pageBytes = 4096

/** Runs something, and meanwhile adds up the resident memory of all processes below this one. Pages they share count for each. */
export async function peakMemoryOfChildren<T>(work: () => Promise<T>): Promise<{ result: T; bytes: number }> {
  let bytes = 0
  const timer = setInterval(() => { bytes = Math.max(bytes, residentBelow(process.pid)) }, everyMs)
  try {
    const result = await work()
    return { result, bytes }
  } finally {
    clearInterval(timer)
  }
}

function residentBelow(root: number): number {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    // The command's name, in brackets, may hold anything.
    const parent = Number(textOf(`/proc/${name}/stat`).replace(/^.*\) /s, '').split(' ')[1])
    children.set(parent, [...children.get(parent) ?? [], Number(name)])
  }
  let bytes = 0
  const todo = [...children.get(root) ?? []]
  for (let pid = todo.pop(); pid !== undefined; pid = todo.pop()) {
    bytes += Number(textOf(`/proc/${String(pid)}/statm`).split(' ')[1] ?? 0) * pageBytes
    todo.push(...children.get(pid) ?? [])
  }
  return bytes
}

/** Empty for a process that has ended meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
