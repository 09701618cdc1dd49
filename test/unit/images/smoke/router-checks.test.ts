import { describe, expect, it } from 'vitest'
import type { CheckContext } from '../../../../images/smoke/checks/check.ts'
import { CheckSkipped, runCheck } from '../../../../images/smoke/checks/check.ts'
import { kernel, kernelLog, lockdown, modules, unload, units } from '../../../../images/smoke/checks/router.ts'
import { Timeline } from '../../../../images/smoke/lab/timeline.ts'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import { interrupted } from '../../../../scripts/lib/exec.ts'

type Answer = string | { status: number; output: string }

/** A router that gives the first answer whose key the command contains; what it was not told of fails. */
function routerSaying(answers: Record<string, Answer>, expected: CheckContext['expected'] = {}): { context: CheckContext; asked: string[] } {
  const asked: string[] = []
  const run = (command: string): Promise<{ status: number; output: string }> => {
    asked.push(command)
    const answer = Object.entries(answers).find(([part]) => command.includes(part))?.[1] ?? { status: 127, output: 'not found' }
    return Promise.resolve(typeof answer === 'string' ? { status: 0, output: answer } : answer)
  }
  const driver = { run, login: () => Promise.resolve(), configure: () => Promise.resolve(), reboot: () => undefined }
  // The router's checks use nothing else of the lab.
  return { context: { driver, expected, timeline: new Timeline(), scaled: (ms: number) => ms } as unknown as CheckContext, asked }
}

describe('a check\'s error', () => {
  it('is the check\'s failure', async () => {
    expect(await runCheck('a', 'A', () => Promise.reject(new Error('no\nanswer')))).toEqual({ id: 'a', title: 'A', verdict: 'fail', detail: 'no; answer' })
  })

  it('is no verdict when it was skipped', async () => {
    expect(await runCheck('a', 'A', () => Promise.reject(new CheckSkipped('why')))).toEqual({ id: 'a', title: 'A', verdict: 'skip', detail: 'why' })
  })

  it.each([interrupted(), new ForgeError('E_LAB', 'the lab is gone')])('says nothing about the router when it is $code', async (error) => {
    await expect(runCheck('a', 'A', () => Promise.reject(error))).rejects.toBe(error)
  })
})

describe('the kernel', () => {
  it('is compared with the one that was built for', async () => {
    const { context } = routerSaying({ 'uname -r': '6.1.0-1-amd64' }, { kernelRelease: '6.1.0-2-amd64' })
    await expect(kernel(context)).rejects.toThrow('uname -r is 6.1.0-1-amd64, the modules are for 6.1.0-2-amd64')
  })

  it('is not judged when nobody said which it must be', async () => {
    await expect(kernel(routerSaying({ 'uname -r': '6.1.0-1-amd64' }).context)).rejects.toThrow(CheckSkipped)
  })
})

describe('unloading Jool', () => {
  it('that fails where NAT64 cannot be stopped says so, starts it again, and takes the router for present', async () => {
    const { context, asked } = routerSaying({ stop: { status: 5, output: 'Unit jool.service not loaded.' }, start: '' })
    Object.assign(context.driver, { stopTranslator: () => context.driver.run('stop'), startTranslator: () => context.driver.run('start') })
    const result = await runCheck('unload', 'U', () => unload(context))
    expect(result).toMatchObject({ verdict: 'fail', detail: 'stopping NAT64: exit status 5: Unit jool.service not loaded.' })
    expect(asked).toEqual(['stop', 'start'])
  })
})

describe('the kernel under Secure Boot', () => {
  const log = 'Kernel is locked down from EFI Secure Boot; see man kernel_lockdown.7\nSecure boot enabled'
  it('is locked down, and says why', async () => {
    expect(await lockdown(routerSaying({ lockdown: 'none [integrity] confidentiality', journalctl: log }).context)).toBe('lockdown is "integrity", and the kernel says: Secure boot enabled')
  })

  it.each<[string, Answer, Answer, string]>([
    ['is not locked down', '[none] integrity confidentiality', log, 'the kernel\'s lockdown is "none"'],
    ['has no lockdown', { status: 1, output: 'No such file or directory' }, log, 'No such file or directory'],
    ['is locked down without Secure Boot', 'none [integrity] confidentiality', 'Secure boot disabled', 'does not say that Secure Boot is enabled: Secure boot disabled'],
    ['says nothing of Secure Boot', 'none [integrity] confidentiality', { status: 1, output: '' }, 'journalctl'],
  ])('fails when it %s', async (_what, level, journalctl, words) => {
    await expect(lockdown(routerSaying({ lockdown: level, journalctl }).context)).rejects.toThrow(words)
  })
})

describe('the kernel\'s log', () => {
  it('passes when it is there and clean', async () => {
    expect(await kernelLog(routerSaying({ journalctl: 'Linux version 6.1.0\nall well' }).context)).toBe('2 kernel messages, none of these')
  })

  it.each<[string, Answer]>([['empty', ''], ['without a kernel\'s start', '-- No entries --'], ['not readable', { status: 1, output: 'Linux version' }]])('fails when it is %s', async (_what, answer) => {
    await expect(kernelLog(routerSaying({ journalctl: answer }).context)).rejects.toThrow('cannot be read')
  })

  it('tells what the console told, once', async () => {
    const { context } = routerSaying({ journalctl: 'Linux version 6.1.0' })
    context.timeline.record({ kind: 'failure', what: 'kernel warning', line: 'WARNING: CPU: 0' })
    await expect(kernelLog(context)).rejects.toThrow('kernel warning: WARNING: CPU: 0')
    expect(await kernelLog(context)).toContain('none of these')
  })
})

it('units that cannot be listed are not taken for none', async () => {
  await expect(units(routerSaying({ systemctl: { status: 1, output: '' } }).context)).rejects.toThrow('exit status 1')
})

describe('modules', () => {
  const sound = {
    'jool --version': 'jool 4.1.13.0', '/proc/modules': 'jool\njool_common', '/sys/module/jool_common/version': '4.1.13.0', '/sys/module/jool/version': '4.1.13.0',
  }

  it('of the tools\' version pass; jool_siit is loaded, read and unloaded', async () => {
    const { context, asked } = routerSaying({ ...sound, 'modinfo jool_siit': '', 'modprobe': '', '/sys/module/jool_siit/version': '4.1.13.0' }, { joolVersion: '4.1.13' })
    expect(await modules(context)).toBe('jool_common, jool, jool_siit (loaded, unloaded) and the tools are 4.1.13')
    expect(asked.filter((command) => command.startsWith('mod'))).toEqual(['modinfo jool_siit', 'modprobe jool_siit', 'modprobe -r jool_siit'])
  })

  it('an image without jool_siit says so', async () => {
    expect(await modules(routerSaying(sound).context)).toContain('(no jool_siit here)')
  })

  it.each(['jool_common', 'jool'])('%s of another version fails', async (name) => {
    const { context } = routerSaying({ ...sound, [`/sys/module/${name}/version`]: '4.1.12.0' })
    await expect(modules(context)).rejects.toThrow(`${name} is 4.1.12, the tools are 4.1.13`)
  })

  it('jool_siit that cannot be loaded fails', async () => {
    const { context } = routerSaying({ ...sound, 'modinfo jool_siit': '', 'modprobe jool_siit': { status: 1, output: 'Invalid argument' } })
    await expect(modules(context)).rejects.toThrow('modprobe jool_siit: exit status 1: Invalid argument')
  })
})
