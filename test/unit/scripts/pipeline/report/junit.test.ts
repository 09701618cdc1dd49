import { describe, expect, it } from 'vitest'
import { renderJUnit } from '../../../../../scripts/pipeline/report/junit.ts'
import type { BuildReport } from '../../../../../scripts/pipeline/report/report.ts'

const key = 'a'.repeat(64)
const build: BuildReport = { target: 'debian-12', verdict: 'pass', stages: [{ name: 'source', key, cached: true, ms: 0 }, { name: 'modules', key, cached: false, ms: 34_212 }], artifacts: [] }
const smoked: BuildReport = {
  ...build,
  verdict: 'fail',
  smoke: {
    accelerator: 'tcg',
    milestones: [{ name: 'bios/kernel', ms: 9870 }, { name: 'bios/login', ms: 71_400 }],
    checks: [
      { id: 'bios/ping', title: 'Echo', verdict: 'pass', detail: '5 of 5' },
      { id: 'bios/tcp', title: 'TCP <bulk>', verdict: 'fail', detail: 'lost "all" & more' },
      { id: 'bios/pmtu', title: 'PMTU', verdict: 'skip', detail: 'not asked' },
    ],
  },
}

describe('junit.xml', () => {
  it('has a case for each stage and each check', () => {
    expect(renderJUnit(smoked)).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nat64-forge debian-12" tests="5" failures="1" errors="0" time="34.212">
  <testsuite name="build" tests="2" failures="0" errors="0" skipped="0" time="34.212">
    <testcase classname="debian-12.build" name="source" time="0.000"><system-out>found in the store</system-out></testcase>
    <testcase classname="debian-12.build" name="modules" time="34.212"></testcase>
  </testsuite>
  <testsuite name="smoke bios" tests="3" failures="1" errors="0" skipped="1" time="71.400">
    <properties><property name="accelerator" value="tcg"/><property name="kernel (ms)" value="9870"/><property name="login (ms)" value="71400"/></properties>
    <testcase classname="debian-12.smoke.bios" name="bios/ping: Echo"><system-out>5 of 5</system-out></testcase>
    <testcase classname="debian-12.smoke.bios" name="bios/tcp: TCP &lt;bulk&gt;"><failure message="lost &quot;all&quot; &amp; more"/></testcase>
    <testcase classname="debian-12.smoke.bios" name="bios/pmtu: PMTU"><skipped message="not asked"/></testcase>
  </testsuite>
</testsuites>
`)
  })

  it('has a failure whenever the verdict is fail, even when no check failed', () => {
    const xml = renderJUnit({ ...build, verdict: 'fail' })
    expect(xml).toContain('tests="3" failures="1"')
    expect(xml).toContain('name="verdict" time="0.000"><failure message="the build failed before a check could"/>')
    expect(renderJUnit(build)).not.toContain('<failure')
  })
})
