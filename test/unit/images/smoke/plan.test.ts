import { expect, it } from 'vitest'
import { loginOf, planBoots, planSmoke, requirePassword } from '../../../../images/smoke/plan.ts'
import { refuseUnsigned } from '../../../../images/smoke/resolve.ts'
import { kernelStarted } from '../../../../images/smoke/run.ts'
import { smoke } from '../../../../images/smoke/stage.ts'
import { smokeSpec } from '../../../../images/smoke/spec.ts'
import type { SmokeArtifact } from '../../../../images/smoke/artifact.ts'
import { smokeReport } from '../../../../images/smoke/artifact.ts'
import { silentLog } from '../../../../scripts/lib/log.ts'
import { rejection } from '../../../support/rejection.ts'

it('an image that says no password needs one in the target, and that is said before anything is built', async () => {
  const { rootPassword: _, ...foreign } = before.iso
  const without = planSmoke({ spec: smokeSpec.parse({ login: { user: 'vyos' } }) }, { ...before, iso: foreign })
  expect(await rejection(Promise.resolve(smoke.foresee?.(without, silentLog)))).toMatchObject({ code: 'E_TARGET', message: expect.stringContaining('with which password vyos logs in') as string, hint: expect.stringContaining('--until iso') as string })
  for (const [spec, iso] of [[{ login: { password: 'p' } }, foreign], [{}, before.iso]] as const) await smoke.foresee?.(planSmoke({ spec: smokeSpec.parse(spec) }, { ...before, iso }), silentLog)
})

const before = { source: { joolVersion: '4.1.13' }, headers: { release: '6.1.0-56-amd64' }, iso: { isoName: 'r.iso', rootPassword: 'of-the-image' } }

it('the default plan asks everything of the BIOS boot, and a short set of the UEFI boot', () => {
  expect(planSmoke({ spec: smokeSpec.parse({}) }, before)).toMatchInlineSnapshot(`
    {
      "boots": [
        {
          "checks": [
            "boot",
            "configure",
            "kernel",
            "modules",
            "icmp",
            "tcp-small",
            "udp-small",
            "tcp-bulk",
            "udp-bulk",
            "path-mtu",
            "path-mtu-v4",
            "fragments",
            "traceroute",
            "parallel",
            "sessions",
            "unload",
            "units",
            "kernel-log",
            "reboot",
            "units-after-reboot",
            "kernel-log-after-reboot",
          ],
          "firmware": "bios",
          "userChecks": [],
        },
        {
          "checks": [
            "boot",
            "configure",
            "kernel",
            "modules",
            "icmp",
            "tcp-small",
            "udp-small",
            "kernel-log",
          ],
          "firmware": "uefi",
          "userChecks": [],
        },
      ],
      "cpus": 2,
      "driver": "auto",
      "expected": {
        "joolVersion": "4.1.13",
        "kernelRelease": "6.1.0-56-amd64",
      },
      "imagePassword": "of-the-image",
      "login": {},
      "medium": "cd",
      "memoryMiB": 768,
    }
  `)
})

it('without a reboot there is no check of it or after it, and own checks go to the first boot', () => {
  const checks = [{ id: 'a', title: 'A', router: 'true', prints: 'x' }]
  const { boots } = planBoots(smokeSpec.parse({ reboot: false, firmware: ['uefi', 'bios'], checks }), 'router', {})
  expect(boots.map((boot) => [boot.firmware, boot.checks.some((check) => check.includes('reboot')), boot.checks.includes('parallel'), boot.userChecks.length]))
    .toEqual([['uefi', false, true, 1], ['bios', false, false, 0]])
})

it('a boot under Secure Boot is asked whether the kernel is locked down, and no other', () => {
  const { boots } = planBoots(smokeSpec.parse({ reboot: false, firmware: ['bios', 'uefi', 'uefi-secure'] }), 'router', {})
  expect(boots.map(({ firmware, checks }) => [firmware, checks.includes('lockdown')])).toEqual([['bios', false], ['uefi', false], ['uefi-secure', true]])
  expect(boots[2]?.checks).toEqual(['boot', 'configure', 'kernel', 'lockdown', 'modules', 'icmp', 'tcp-small', 'udp-small', 'kernel-log'])
})

it('Secure Boot is refused where nothing says what the image is signed with', async () => {
  const secure = smokeSpec.parse({ firmware: ['bios', 'uefi-secure'] })
  expect(await rejection(() => { refuseUnsigned(secure, false) })).toMatchObject({ code: 'E_TARGET', message: expect.stringContaining('smoke.firmware: uefi-secure') as string, hint: expect.stringContaining('iso.secureBoot') as string })
  refuseUnsigned(secure, true)
  refuseUnsigned(smokeSpec.parse({}), false)
})

it('the report is flat, and its names say which boot', () => {
  const artifact: SmokeArtifact = {
    accelerator: 'tcg', speedFactor: 1, verdict: 'pass',
    boots: [{ firmware: 'bios', milestones: [{ name: 'login', ms: 5 }], checks: [{ id: 'icmp', title: 'T', verdict: 'pass', detail: 'D' }], evidence: [] }],
  }
  expect(smokeReport(artifact)).toEqual({
    accelerator: 'tcg', milestones: [{ name: 'bios/login', ms: 5 }], checks: [{ id: 'bios/icmp', title: 'T', verdict: 'pass', detail: 'D' }],
  })
})

it('logs in with the image\'s password unless the section names another', () => {
  expect(loginOf(planSmoke({ spec: smokeSpec.parse({}) }, before), 'reference')).toEqual({ user: 'root', password: 'of-the-image' })
  expect(planSmoke({ spec: smokeSpec.parse({ login: { user: 'vyos', password: 'vyos' } }) }, before).login).toEqual({ user: 'vyos', password: 'vyos' })
  // Of an image that was not made here, nobody knows it.
  expect(planSmoke({ spec: smokeSpec.parse({}) }, { ...before, iso: { isoName: 'r.iso' } }).login).toEqual({})
})

it('logs in to VyOS with VyOS\'s own words unless the section has others, and never with those of an image that is made here', () => {
  const plan = planSmoke({ spec: smokeSpec.parse({ driver: 'vyos' }) }, before)
  expect(() => { requirePassword(plan) }).not.toThrow()
  expect(loginOf(plan, 'vyos')).toEqual({ user: 'vyos', password: 'vyos' })
  expect(loginOf(planSmoke({ spec: smokeSpec.parse({ driver: 'vyos', login: { user: 'me', password: 'p' } }) }, before), 'vyos')).toEqual({ user: 'me', password: 'p' })
})

it('keeps the password of the images that it makes from a VyOS that is only found out to be one', () => {
  const plan = planBoots(smokeSpec.parse({}), 'router', {})
  expect([loginOf(plan, 'vyos'), loginOf(plan, 'reference')]).toEqual([{ user: 'vyos', password: 'vyos' }, { user: 'root', password: 'router' }])
  expect(() => { requirePassword({ ...plan, driver: 'reference' }) }).not.toThrow()
})

it('tells a boot that stopped before its kernel from one that came further', () => {
  const after = (...names: string[]): { milestones: { name: string; ms: number }[] } => ({ milestones: names.map((name, index) => ({ name, ms: index })) })
  expect([after(), after('firmware', 'boot-loader'), after('firmware', 'kernel')].map(kernelStarted)).toEqual([false, false, true])
})
