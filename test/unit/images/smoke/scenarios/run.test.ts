import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { CheckFailed, CheckSkipped } from '../../../../../images/smoke/checks/check.ts'
import type { CommandResult } from '../../../../../images/smoke/drivers/router-driver.ts'
import { allScenarios } from '../../../../../images/smoke/scenarios/list.ts'
import { demandSettled, json, putFile } from '../../../../../images/smoke/scenarios/nat64ctl.ts'
import { runScenarios } from '../../../../../images/smoke/scenarios/run.ts'
import type { Scenario, ScenarioContext } from '../../../../../images/smoke/scenarios/scenario.ts'
import { ForgeError } from '../../../../../scripts/lib/errors.ts'
import { temporaryFolder } from '../../../../support/temporary-folder.ts'

function fakeRouter(answer: (command: string) => Partial<CommandResult> = () => ({})): { router: ScenarioContext['router']; commands: string[] } {
  const commands: string[] = []
  const run = (command: string): Promise<CommandResult> => {
    commands.push(command)
    return Promise.resolve({ status: 0, output: '', ...answer(command) })
  }
  return { router: { run } as unknown as ScenarioContext['router'], commands }
}

const scenario = (id: string, run: Scenario['run'] = () => Promise.resolve('seen')): Scenario => ({ id, title: id, run })

async function verdicts(scenarios: readonly Scenario[], router = fakeRouter().router): Promise<string[]> {
  const results = await runScenarios({ scenarios, context: { router } as ScenarioContext, signal: new AbortController().signal })
  return results.map(({ id, verdict, detail }) => `${id} ${verdict}: ${detail}`)
}

describe('the scenarios', () => {
  it('begin with nothing configured, each of them, and end so', async () => {
    const { router, commands } = fakeRouter()
    const seen: number[] = []
    const look = (id: string): Scenario => scenario(id, () => {
      seen.push(commands.filter((command) => command === 'nat64ctl apply /dev/null').length)
      return Promise.resolve('seen')
    })
    expect(await verdicts([look('a'), look('b')], router)).toEqual(['scenario/a pass: seen', 'scenario/b pass: seen'])
    expect([seen, commands.at(-1)]).toEqual([[1, 2], 'nat64ctl apply /dev/null'])
  })

  it('are a result each, and none of them ends the others', async () => {
    expect(await verdicts([scenario('a', () => Promise.reject(new CheckFailed('lost'))), scenario('b', () => Promise.reject(new CheckSkipped('no tayga here'))), scenario('c')]))
      .toEqual(['scenario/a fail: lost', 'scenario/b skip: no tayga here', 'scenario/c pass: seen'])
  })

  it('fail where the router cannot be brought back to nothing', async () => {
    const { router } = fakeRouter((command) => command === 'nat64ctl apply /dev/null' ? { status: 1, output: 'jool: No such device' } : {})
    expect(await verdicts([scenario('a')], router)).toEqual(['scenario/a fail: what was there before could not be taken away: jool: No such device'])
  })

  it('are not reached once the router is lost', async () => {
    const lost = scenario('a', () => Promise.reject(new ForgeError('E_BOOT', 'no answer on the console')))
    expect(await verdicts([lost, scenario('b')])).toEqual(['scenario/a fail: no answer on the console', 'scenario/b fail: not reached: no answer on the console'])
  })

  it('throw when the lab fails, which says nothing about the router', async () => {
    await expect(verdicts([scenario('a', () => Promise.reject(new ForgeError('E_LAB', 'QEMU ended')))])).rejects.toMatchObject({ code: 'E_LAB' })
  })

  it('have names of their own, and the one that restarts the router is the last', () => {
    const ids = allScenarios.map(({ id }) => id)
    expect([new Set(ids).size, ids.at(-1)]).toEqual([ids.length, 'tayga-persistent'])
  })
})

describe('files for a router', () => {
  it('arrive whole whatever is in them, in lines that a terminal takes', async () => {
    const { router, commands } = fakeRouter()
    const text = 'set nat64 source rule 1 description "it\'s $HOME ü"\n'.repeat(200) + Array.from({ length: 3000 }, (_, index) => String(index * 7919)).join(' ')
    await putFile(router, '/etc/x', text)
    expect(Math.max(...commands.map((command) => command.length))).toBeLessThan(4000)
    const dir = await temporaryFolder()
    execFileSync('sh', ['-c', commands.join('\n').replaceAll('/etc/x', `${dir}/x`)])
    expect(await readFile(`${dir}/x`, 'utf8')).toBe(text)
  })

  it('are settled only when diff says nothing', async () => {
    await expect(demandSettled(fakeRouter(() => ({ output: 'route 192.0.2.1 to nat64-1\n    ip route add' })).router)).rejects.toThrow('nat64ctl diff still says: route 192.0.2.1 to nat64-1;     ip route add')
    await demandSettled(fakeRouter().router)
  })

  it('are JSON or an error that shows what they are', async () => {
    await expect(json(fakeRouter(() => ({ output: 'Rule  Engine' })).router, 'nat64ctl show rules --json')).rejects.toThrow('nat64ctl show rules --json printed no JSON: Rule  Engine')
  })
})
