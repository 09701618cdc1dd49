import { expect, it } from 'vitest'
import { referenceFiles } from '../../../../images/smoke/drivers/reference.ts'

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
