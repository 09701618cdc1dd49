import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exec, median, rounded, type Measure } from './figure.ts'
import { packManyFiles } from './many-files.ts'
import { peakMemoryOfChildren } from './tree-memory.ts'

const counts = [10_000, 100_000, 300_000]
const rounds = 3
const once = fileURLToPath(new URL('graft-once.ts', import.meta.url))

/** Runs a part of the library in a process of its own. */
export async function measured(words: readonly string[], cwd: string): Promise<{ seconds: number; inodes: number; peakMb: number }> {
  const { result, bytes } = await peakMemoryOfChildren(() => exec([process.execPath, '--import', import.meta.resolve('tsx'), once, ...words], { cwd, env: { TMPDIR: cwd }, timeoutMs: 60 * 60_000 }))
  return { ...JSON.parse(result.stdout) as { seconds: number; inodes: number }, peakMb: Math.round(bytes / 1e6) }
}

/** Time and memory of a graft by the number of files, in images packed with xz as VyOS packs them. */
export const graftGrowth: Measure = async (context) => {
  const points: { count: number; seconds: number }[] = []
  let [graftMb, walkMb] = [0, 0]
  for (const count of counts) {
    context.say(`graft-growth: an image with ${String(count)} files`)
    const { old, difference } = await packManyFiles(count, 'xz', context.workDir, exec)
    const seconds: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      const one = await measured(['graft', old, difference, join(context.workDir, 'grafted.squashfs')], context.workDir)
      seconds.push(one.seconds)
      graftMb = Math.max(graftMb, one.peakMb)
    }
    walkMb = Math.max(walkMb, (await measured(['walk', old], context.workDir)).peakMb)
    points.push({ count, seconds: median(seconds) })
  }
  return [
    { id: 'graft-growth', value: rounded(exponent(points)), unit: 'exponent', against: `at most 1.1; ${points.map(({ count, seconds }) => `${String(count)} files ${seconds.toFixed(2)} s`).join(', ')}; median of ${String(rounds)}` },
    { id: 'graft-300k-rss', value: graftMb, unit: 'MB', against: 'at most 300 MB, children included; grafting onto an image of 300,000 files' },
    { id: 'walk-300k-rss', value: walkMb, unit: 'MB', against: 'at most 300 MB, children included; going through its tree' },
  ]
}

/** The slope of the line that fits the logarithms best. */
function exponent(points: readonly { count: number; seconds: number }[]): number {
  const logs = points.map(({ count, seconds }) => [Math.log(count), Math.log(seconds)] as const)
  const mean = (of: (point: readonly [number, number]) => number): number => logs.reduce((sum, point) => sum + of(point), 0) / logs.length
  const [x, y] = [mean(([count]) => count), mean(([, seconds]) => seconds)]
  return mean(([count, seconds]) => (count - x) * (seconds - y)) / mean(([count]) => (count - x) ** 2)
}
