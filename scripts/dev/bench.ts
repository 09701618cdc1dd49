import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describeError } from '../lib/describe-error.ts'
import { applyOfManyMappings } from './bench/apply.ts'
import { coldBuild } from './bench/cold-build.ts'
import { datapaths } from './bench/datapath.ts'
import { datapathInstructions } from './bench/datapath-instructions.ts'
import { graftGrowth } from './bench/graft.ts'
import { graftVersusRepack, injectVersusCopy } from './bench/inject.ts'
import { kernelSource } from './bench/kernel-source.ts'
import { inspectImage } from './bench/inspect.ts'
import { matrix } from './bench/matrix.ts'
import { modulesVersusDkms } from './bench/modules-vs-dkms.ts'
import { nat64ctlOnLargeData } from './bench/nat64ctl.ts'
import { noopBuild } from './bench/noop-build.ts'
import { smokeMilestones } from './bench/smoke.ts'
import { vyosScripts } from './bench/vyos-scripts.ts'
import type { BenchContext, Figure, Measure } from './bench/figure.ts'
import { readArguments } from './read-arguments.ts'

// Measures what the project promises, against what a person would do by hand, in one run.
//
//   npm run bench -- [--json] [--only ID] [--store DIR] [--image ISO]

const measures: readonly { ids: readonly string[]; run: Measure }[] = [
  { ids: ['cold-build', 'node-rss'], run: coldBuild },
  { ids: ['noop-build'], run: noopBuild },
  { ids: ['modules-vs-dkms'], run: modulesVersusDkms },
  { ids: ['smoke-first-packet'], run: smokeMilestones },
  { ids: ['inspect', 'inspect-rss', 'inspect-vs-unsquashfs'], run: inspectImage },
  { ids: ['matrix', 'matrix/wall'], run: matrix },
  { ids: ['check-100k', 'show-100k-rss'], run: nat64ctlOnLargeData },
  { ids: ['commit-overhead', 'op-command'], run: vyosScripts },
  { ids: ['apply-noop', 'apply-delta'], run: applyOfManyMappings },
  { ids: ['datapath', 'datapath-isolated-vs-inline'], run: datapaths },
  { ids: ['datapath-instructions'], run: datapathInstructions },
  { ids: ['graft-vs-repack'], run: graftVersusRepack },
  { ids: ['inject-vs-copy', 'inject-rss'], run: injectVersusCopy },
  { ids: ['graft-growth', 'graft-300k-rss', 'walk-300k-rss'], run: graftGrowth },
  { ids: ['kernel-source-cold', 'kernel-source-ccache'], run: kernelSource },
]

const { values } = readArguments('npm run bench -- [--json] [--only ID] [--store DIR] [--image ISO]', { options: { json: { type: 'boolean', default: false }, only: { type: 'string' }, store: { type: 'string' }, image: { type: 'string' } } })
const known = measures.flatMap((measure) => measure.ids)
if (values.only !== undefined && !known.includes(values.only)) {
  process.stderr.write(`there is no benchmark ${values.only}; there are ${known.join(', ')}\n`)
  process.exit(64)
}

const work = await mkdtemp(join(tmpdir(), 'nat64-forge-bench-'))
const context: BenchContext = {
  workDir: work,
  storeDir: values.store ?? join(work, 'store'),
  ...(values.image === undefined ? {} : { image: resolve(values.image) }),
  say: (line) => { process.stderr.write(`${line}\n`) },
}
try {
  for (const measure of measures) {
    if (values.only !== undefined && !measure.ids.includes(values.only)) continue
    for (const figure of await measure.run(context)) process.stdout.write(`${values.json ? JSON.stringify(figure) : line(figure)}\n`)
  }
} catch (error) {
  process.stderr.write(describeError(error))
  process.exitCode = 1
} finally {
  await rm(work, { recursive: true, force: true })
}

function line({ id, value, unit, against }: Figure): string {
  return `${id.padEnd(28)} ${String(value).padStart(10)} ${unit.padEnd(6)} ${against}`
}
