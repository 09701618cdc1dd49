import { join } from 'node:path'
import { median, rounded, runForge, type Measure } from './figure.ts'

/** A second `build --until iso` with nothing changed. */
export const noopBuild: Measure = async (context) => {
  const words = ['build', '--until', 'iso', '--store', context.storeDir, '--out', join(context.workDir, 'out')]
  context.say('noop-build: the first build')
  await runForge(words, context)
  const seconds: number[] = []
  for (let round = 0; round < 5; round += 1) seconds.push((await runForge(words, context)).seconds)
  return [{ id: 'noop-build', value: rounded(median(seconds)), unit: 's', against: 'at most 2 s; median of 5' }]
}
