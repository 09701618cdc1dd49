import { describe, expect, test } from 'vitest'
import type { Lock } from '../../../scripts/pipeline/lock.ts'
import { inRootArgv } from '../../../scripts/lib/build-root.ts'
import { stages } from '../../../scripts/pipeline/stages.ts'
import { epoch, sampleFile, sampleLock } from '../../support/sample-lock.ts'
import { rejection } from '../../support/rejection.ts'

function plansOf(lock: Lock): Record<string, unknown> {
  const target = { name: lock.target.target, suite: lock.target.suite, architecture: lock.target.architecture, sourceDateEpoch: lock.sourceDateEpoch }
  const plans: Record<string, unknown> = {}
  for (const stage of stages) plans[stage.name] = stage.plan({ target, spec: lock.target[stage.name], locked: lock.stages[stage.name] }, plans)
  return plans
}
const json = (plan: unknown): string => `${JSON.stringify(plan, null, 2)}\n`

describe('from one lock', () => {
  const plans = plansOf(sampleLock())

  test.each(['source', 'headers', 'modules', 'iso'])('the plan of %s is this', async (stage) => {
    await expect(json(plans[stage])).toMatchFileSnapshot(`../../golden/plans/${stage}.json`)
  })

  test('the plans are the same every time, and plain JSON', () => {
    expect(plansOf(sampleLock())).toEqual(plans)
    expect(JSON.parse(JSON.stringify(plans))).toEqual(plans)
  })
})

test.each([
  ['upstream', { provider: 'upstream', joolVersion: '4.1.14', tarball: sampleFile('jool-4.1.14.tar.gz') }, '4.1.14'],
  ['directory', { provider: 'directory', joolVersion: '4.1.13', path: '/src/jool', treeSha256: 'ab'.repeat(32) }, '4.1.13'],
])('with Jool from %s the tools are compiled with the modules', (_provider, source, version) => {
  const plans = plansOf(sampleLock({ source }))
  expect(plans['source']).toEqual({ joolVersion: version, tools: 'compiled', locked: source })
  expect(plans['modules']).toMatchObject({ joolVersion: version, compileTools: true })
})

test('an unsupported pair is refused by the plan', async () => {
  expect(await rejection(() => plansOf(sampleLock({ source: { provider: 'directory', joolVersion: '4.2.0', path: '/', treeSha256: 'ab'.repeat(32) } })))).toMatchObject({ code: 'E_UNSUPPORTED' })
})

test('every time stamp comes from the lock', () => {
  expect(JSON.stringify(plansOf(sampleLock({ epoch: 86_400 })))).not.toContain(String(epoch))
})

test('the build root is entered read-only, without network, and with the same paths on every host', () => {
  expect(inRootArgv(['make', '-j2'], { root: '/store/root', binds: [{ from: '/w/jool', to: '/build/jool', writable: true }, { from: '/h', to: '/usr/src' }], env: { SOURCE_DATE_EPOCH: '1' } })).toEqual([
    'bwrap', '--unshare-all', '--die-with-parent', '--hostname', 'nat64-forge', '--clearenv',
    '--setenv', 'PATH', '/usr/sbin:/usr/bin:/sbin:/bin', '--setenv', 'HOME', '/build', '--setenv', 'LC_ALL', 'C.UTF-8', '--setenv', 'TZ', 'UTC',
    '--setenv', 'KBUILD_BUILD_USER', 'nat64-forge', '--setenv', 'KBUILD_BUILD_HOST', 'nat64-forge', '--setenv', 'SOURCE_DATE_EPOCH', '1',
    '--ro-bind', '/store/root', '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp', '--tmpfs', '/usr/src', '--tmpfs', '/build',
    '--bind', '/w/jool', '/build/jool', '--ro-bind', '/h', '/usr/src', '--chdir', '/build', '--', 'make', '-j2',
  ])
})
