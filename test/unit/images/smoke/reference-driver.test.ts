import { expect, it } from 'vitest'
import { referenceDriver, referenceFiles } from '../../../../images/smoke/drivers/reference.ts'
import type { SerialShell } from '../../../../images/smoke/drivers/serial-shell.ts'

it('the files the driver writes on the router', () => {
  expect(Object.entries(referenceFiles()).map(([path, text]) => `# ${path}\n${text}`).join('')).toMatchInlineSnapshot(`
    "# /etc/systemd/network/10-lab-v6.network
    [Match]
    MACAddress=52:54:00:64:00:06
    [Network]
    LinkLocalAddressing=ipv6
    IPv6AcceptRA=no
    ConfigureWithoutCarrier=yes
    [Address]
    Address=2001:db8:64::1/64
    DuplicateAddressDetection=none
    # /etc/systemd/network/10-lab-v4.network
    [Match]
    MACAddress=52:54:00:64:00:04
    [Network]
    LinkLocalAddressing=ipv6
    IPv6AcceptRA=no
    ConfigureWithoutCarrier=yes
    [Address]
    Address=192.0.2.1/30
    [Route]
    Gateway=192.0.2.2
    # /etc/jool/jool.conf
    {
     "instance": "lab",
     "framework": "netfilter",
     "global": {
      "pool6": "64:ff9b::/96"
     },
     "pool4": [
      {
       "protocol": "TCP",
       "prefix": "203.0.113.64/32",
       "port range": "1-65535"
      },
      {
       "protocol": "UDP",
       "prefix": "203.0.113.64/32",
       "port range": "1-65535"
      },
      {
       "protocol": "ICMP",
       "prefix": "203.0.113.64/32",
       "port range": "0-65535"
      }
     ]
    }
    "
  `)
})

it('no line is longer than a terminal takes, or breaks out of its quotes', () => {
  for (const line of Object.values(referenceFiles()).join('\n').split('\n')) {
    expect(line.length).toBeLessThan(200)
    expect(line).not.toContain('\'')
  }
})

it.each([
  { where: 'has a service for Jool', service: 0, commands: ['systemctl restart jool || { systemctl status --no-pager jool; false; }', 'systemctl stop jool'] },
  { where: 'has none', service: 1, commands: ['modprobe jool && jool file handle /etc/jool/jool.conf', 'jool instance remove lab'] },
])('a router that $where is started and stopped in its way', async ({ service, commands }) => {
  const asked: string[] = []
  const shell = { run: (command: string) => {
    if (command.startsWith('systemctl cat')) return Promise.resolve({ status: service, output: '' })
    asked.push(command)
    return Promise.resolve({ status: 3, output: 'no' })
  } } as unknown as SerialShell
  const driver = referenceDriver(shell, { user: 'root', password: '' })
  expect([await driver.startTranslator(), await driver.stopTranslator()]).toEqual([{ status: 3, output: 'no' }, { status: 3, output: 'no' }])
  expect(asked).toEqual(commands)
  expect(await driver.startsAtBoot()).toBe(service === 0)
})
