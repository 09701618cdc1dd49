import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import type { RouterDriver } from '../../../../images/smoke/drivers/router-driver.ts'
import { SerialShell } from '../../../../images/smoke/drivers/serial-shell.ts'
import { vyosDriver, vyosLines } from '../../../../images/smoke/drivers/vyos.ts'
import { Console } from '../../../../images/smoke/lab/console.ts'
import { rejection } from '../../../support/rejection.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'
import { VyosConsole, type VyosConsoleOptions } from '../../../support/vyos-console.ts'

const script = '/usr/libexec/vyos/op_mode/nat64_nat46.py'
const commands = {
  'grep -lis \'^52:54:00:64:00:06$\' /sys/class/net/eth*/address': [0, '/sys/class/net/eth1/address'],
  'grep -lis \'^52:54:00:64:00:04$\' /sys/class/net/eth*/address': [0, '/sys/class/net/eth0/address'],
  'cat /proc/sys/net/ipv4/ip_local_port_range': [0, '32768\t60999'],
  [`test -e ${script}`]: [1, ''],
} as const
const expected = [
  'set interfaces ethernet eth1 address 2001:db8:64::1/64',
  'set interfaces ethernet eth0 address 192.0.2.1/30',
  'set protocols static route 0.0.0.0/0 next-hop 192.0.2.2',
  'set nat64 source rule 100 source prefix 64:ff9b::/96',
  'set nat64 source rule 100 translation pool 10 address 203.0.113.64',
  'set nat64 source rule 100 translation pool 10 port 1-32767',
]

async function router(options: VyosConsoleOptions = {}, login = { user: 'vyos', password: 'vyos' }): Promise<{ vyos: VyosConsole; driver: RouterDriver }> {
  const vyos = new VyosConsole({ ...options, commands: { ...commands, ...options.commands } })
  const serial = new Console(vyos, join(await temporaryFolder(), 'console.log'), () => undefined)
  onTestFinished(() => serial.close())
  return { vyos, driver: vyosDriver(new SerialShell(serial, { speedFactor: 0.05, signal: new AbortController().signal }), login) }
}

it('logs in, configures in one commit, saves, and is in a root shell for what is asked next', async () => {
  const { vyos, driver } = await router({ commands: { 'uname -r': [0, '6.6.54-vyos'], false: [3, 'no\nnever'] } })
  await driver.login()
  await driver.configure()
  expect(vyos.commits).toEqual([expected])
  expect(vyos.saved).toBe(true)
  expect(await driver.run('uname -r')).toEqual({ status: 0, output: '6.6.54-vyos' })
  expect(await driver.run('false')).toEqual({ status: 3, output: 'no\nnever' })
  expect(vyos.mode).toBe('root')
  expect(driver.instance).toBe('instance-100')
})

it('a refused login says which words VyOS has', async () => {
  const { driver } = await router({}, { user: 'vyos', password: 'router' })
  expect(await rejection(driver.login())).toMatchObject({ code: 'E_BOOT', message: 'the router refused the login as vyos: VyOS\'s own are vyos and vyos' })
})

it.each([
  ['an invalid path', '\n  Configuration path: nat64 source rule 100 translation [pool] is not valid\n  Set failed\n\n'],
  ['an invalid value', '\n  Invalid value\n  Value validation failed\n  Set failed\n\n'],
])('%s ends in an error that has the line and the shell\'s words, and nothing is committed', async (_name, words) => {
  const { vyos, driver } = await router({ refusals: { [expected[4] ?? '']: words } })
  await driver.login()
  const error = await rejection(driver.configure())
  expect(error).toMatchObject({ code: 'E_BOOT', message: 'the router did not take its configuration', details: expect.stringContaining(`${expected[4] ?? ''}\n${words.trim().split('\n')[0] ?? ''}`) as string })
  expect(vyos.commits).toEqual([])
  expect(vyos.mode).toBe('operational')
  // Nothing is left of it, and the router answers.
  expect(vyos.typed).toContain('exit discard')
  expect(await driver.run('true')).toEqual({ status: 0, output: '' })
})

it('a node that is there already is none', async () => {
  const { vyos, driver } = await router({ refusals: { [expected[0] ?? '']: '\n  Configuration path: [interfaces ethernet eth1 address 2001:db8:64::1/64] already exists\n\n' } })
  await driver.login()
  await driver.configure()
  expect(vyos.commits).toEqual([expected.slice(1)])
})

it('a commit that fails is an error with the words of the script', async () => {
  const says = '\nnat64 source rule 100: jool is not installed\n    install the package jool-tools; or use `engine tayga`\n\n[[nat64]] failed\nCommit failed\n'
  const { vyos, driver } = await router({ commitSays: says })
  await driver.login()
  expect(await rejection(driver.configure())).toMatchObject({ code: 'E_BOOT', details: says.trim() })
  expect(vyos.commits).toEqual([])
  expect(vyos.saved).toBe(false)
  expect(vyos.mode).toBe('operational')
})

it('a configuration that could not be saved is an error', async () => {
  const { driver } = await router({ saveSays: 'Saving configuration to \'/config/config.boot\'...\n[Errno 28] No space left on device\n' })
  await driver.login()
  expect(await rejection(driver.configure())).toMatchObject({ code: 'E_BOOT', details: expect.stringContaining('No space left') as string })
})

it('whether it was saved is seen in the file, since `save` says nothing', async () => {
  const looks = 'sed -n \'/^nat64 {/,/^}/p\' /config/config.boot | grep --quiet \'^ *rule 100 {\''
  const { driver } = await router({ commands: { [looks]: [1, ''] } })
  await driver.login()
  expect(await rejection(driver.configure())).toMatchObject({ code: 'E_BOOT', details: 'after `save`, /config/config.boot has no rule 100 of nat64' })
  // VyOS 1.3 does say something.
  const talking = await router({ saveSays: 'Saving configuration to \'/config/config.boot\'...\nDone\n' })
  await talking.driver.login()
  await talking.driver.configure()
  expect(talking.vyos.saved).toBe(true)
})

it('a commit that says nothing, and after which nothing is configured, has failed', async () => {
  const { driver } = await router({ commitLies: true, commitSays: 'A traceback that nobody knows\n' })
  await driver.login()
  const { details } = await rejection(driver.configure()) as { details?: string }
  expect(details).toMatch(/^A traceback that nobody knows\nthe commit did not say that it failed, and these are not in force:\nset interfaces/)
  expect(details).toContain(expected[5])
})

it('a line without an answer is an error, and what is asked next finds its way out of configuration mode', async () => {
  const { driver, vyos } = await router({ silent: [expected[2] ?? ''], commands: { 'uname -r': [0, '6.6.54-vyos'] } })
  await driver.login()
  expect(await rejection(driver.configure())).toMatchObject({ code: 'E_BOOT', message: expect.stringContaining(`the prompt after "${expected[2] ?? ''}"`) as string })
  expect(await driver.run('uname -r')).toEqual({ status: 0, output: '6.6.54-vyos' })
  await driver.configure()
  expect(vyos.commits).toEqual([expected])
})

it('where the package is installed, operational mode has to show the rule, as JSON and as a table that no pager holds back', async () => {
  const installed = { [`test -e ${script}`]: [0, ''] as const, [`${script} show_rules --family nat64 --raw 2>/dev/null`]: [0, '[{"rule": "nat64-100"}]'] as const }
  const table = 'Rule       Engine  State\n---------  ------  -----\nnat64-100  jool    up'
  const { driver, vyos } = await router({ commands: installed, shows: { 'show nat64 source rules': table } })
  await driver.login()
  await driver.configure()
  expect(vyos.typed.at(-1)).toBe('show nat64 source rules')

  const none = await router({ commands: { ...installed, [`${script} show_rules --family nat64 --raw 2>/dev/null`]: [0, '[]'] }, shows: { 'show nat64 source rules': table } })
  await none.driver.login()
  expect(await rejection(none.driver.configure())).toMatchObject({ message: 'on the router: show_rules --raw knows no rule nat64-100' })
  const broken = await router({ commands: { ...installed, [`${script} show_rules --family nat64 --raw 2>/dev/null`]: [0, 'Traceback'] } })
  await broken.driver.login()
  expect(await rejection(broken.driver.configure())).toMatchObject({ code: 'E_BOOT', message: 'on the router: show_rules --raw answers with what is no JSON', details: 'Traceback' })
  const unknown = await router({ commands: installed })
  await unknown.driver.login()
  expect(await rejection(unknown.driver.configure())).toMatchObject({ message: 'on the router: "show nat64 source rules" does not show rule 100', details: expect.stringContaining('Invalid command') as string })
})

it('stops and starts translating by the rule\'s switch, and by everything after a boot that lost it', async () => {
  const { vyos, driver } = await router()
  await driver.login()
  await driver.configure()
  expect((await driver.stopTranslator()).status).toBe(0)
  expect((await driver.startTranslator()).status).toBe(0)
  expect((await driver.startTranslator()).status).toBe(0)
  expect(vyos.commits.slice(1)).toEqual([['set nat64 source rule 100 disable'], [...expected, 'delete nat64 source rule 100 disable'], expected])
})

it('says what a commit that fails later said, and goes on', async () => {
  const { driver } = await router({ refusals: { 'set nat64 source rule 100 disable': '\n  Set failed\n\n' } })
  await driver.login()
  await driver.configure()
  expect(await driver.stopTranslator()).toEqual({ status: 1, output: 'set nat64 source rule 100 disable\nSet failed' })
})

it('a router without an interface to one of the sides is an error', async () => {
  const { driver } = await router({ commands: { 'grep -lis \'^52:54:00:64:00:04$\' /sys/class/net/eth*/address': [0, ''] } })
  await driver.login()
  expect(await rejection(driver.configure())).toMatchObject({ message: 'the router has no interface with the hardware address 52:54:00:64:00:04' })
})

it('its pool takes the larger part of the ports that the router does not', () => {
  const ports = (first: number, last: number): string | undefined => vyosLines({ interfaces: { v6: 'eth0', v4: 'eth1' }, ephemeralPorts: [first, last] }).at(-1)?.split(' ').at(-1)
  expect([ports(32768, 60999), ports(1024, 65535), ports(1024, 20000)]).toEqual(['1-32767', '1-1023', '20001-65535'])
})

it('ends its session with a reboot from wherever it is', async () => {
  const { vyos, driver } = await router()
  await driver.login()
  driver.reboot()
  expect(vyos.typed.at(-1)).toBe('dmesg -n 5; systemctl reboot')
})
