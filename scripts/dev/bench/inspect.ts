import { join } from 'node:path'
import { exec, median, rounded, runForge, timed, type Measure } from './figure.ts'
import { squashfsOf } from './iso-squashfs.ts'
import { dropFromCache } from './page-cache.ts'
import { peakMemoryOfChildren } from './tree-memory.ts'
import { vyosSizedIso } from './vyos-sized.ts'

const rounds = 5
const unsquashfsRounds = 3

/** `inspect --json` of one ISO, its pages out of the cache; against unpacking its squashfs. */
export const inspectImage: Measure = async (context) => {
  const iso = await vyosSizedIso(context)
  const seconds: number[] = []
  let peakBytes = 0
  for (let round = 0; round < rounds; round += 1) {
    context.say(`inspect: round ${String(round + 1)} of ${String(rounds)}`)
    await dropFromCache(iso)
    const { result, bytes } = await peakMemoryOfChildren(() => runForge(['inspect', iso, '--json'], context))
    seconds.push(result.seconds)
    peakBytes = Math.max(peakBytes, bytes)
  }
  const { offset } = await squashfsOf(iso)
  const unpacking: number[] = []
  for (let round = 0; round < unsquashfsRounds; round += 1) {
    context.say(`inspect-vs-unsquashfs: round ${String(round + 1)} of ${String(unsquashfsRounds)}`)
    const dir = join(context.workDir, 'unsquashed')
    await dropFromCache(iso)
    unpacking.push((await timed(() => exec(['unsquashfs', '-quiet', '-no-progress', '-no-xattrs', '-offset', String(offset), '-dest', dir, iso]))).seconds)
    await exec(['rm', '-rf', dir])
  }
  return [
    { id: 'inspect', value: rounded(median(seconds)), unit: 's', against: `at most 3 s, cold page cache; median of ${String(rounds)}` },
    { id: 'inspect-rss', value: Math.round(peakBytes / 1e6), unit: 'MB', against: 'at most 150 MB, children included; the largest of all rounds' },
    { id: 'inspect-vs-unsquashfs', value: rounded(median(seconds) / median(unpacking)), unit: 'ratio', against: 'at most 0.2; unsquashfs of the same image' },
    { id: 'inspect-vs-unsquashfs/unsquashfs', value: rounded(median(unpacking)), unit: 's', against: `median of ${String(unsquashfsRounds)}` },
  ]
}
