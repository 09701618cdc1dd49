import { ForgeError } from '../../../scripts/lib/errors.ts'
import { topology } from '../lab/topology.ts'
import type { CommandResult, RouterDriver } from './router-driver.ts'
import type { SerialShell } from './serial-shell.ts'

const { v6, v4, pool4, pool6, instance } = topology

/** The files an administrator of a Debian router with systemd-networkd and jool-tools would write. */
export function referenceFiles(): Record<string, string> {
  const network = (mac: string, lines: readonly string[]): string => [
    '[Match]', `MACAddress=${mac}`, '[Network]', 'LinkLocalAddressing=ipv6', 'IPv6AcceptRA=no', 'ConfigureWithoutCarrier=yes', ...lines, '',
  ].join('\n')
  return {
    '/etc/systemd/network/10-lab-v6.network': network(v6.mac, ['[Address]', `Address=${v6.router}/${String(v6.prefixLength)}`, 'DuplicateAddressDetection=none']),
    '/etc/systemd/network/10-lab-v4.network': network(v4.mac, [
      '[Address]', `Address=${v4.router}/${String(v4.prefixLength)}`, '[Route]', `Gateway=${v4.transit}`,
    ]),
    '/etc/jool/jool.conf': `${JSON.stringify({
      instance,
      framework: 'netfilter',
      global: { pool6 },
      pool4: ['TCP', 'UDP', 'ICMP'].map((protocol) => ({ protocol, prefix: `${pool4}/32`, 'port range': protocol === 'ICMP' ? '0-65535' : '1-65535' })),
    }, undefined, 1)}\n`,
  }
}

/** The reference router: a root shell, systemd-networkd, and jool-tools' own service where there is one. */
export function referenceDriver(shell: SerialShell, login: { user: string; password: string }): RouterDriver {
  const must = async (command: string): Promise<CommandResult> => {
    const result = await shell.run(command)
    if (result.status !== 0) throw new ForgeError('E_BOOT', `on the router: ${command}: exit status ${String(result.status)}`, { details: result.output })
    return result
  }
  // An image may bring Jool without the service of our packages; VyOS does.
  const hasService = async (): Promise<boolean> => (await shell.run('systemctl cat jool.service')).status === 0
  const starting = async (): Promise<string> => await hasService() ? 'systemctl restart jool || { systemctl status --no-pager jool; false; }' : 'modprobe jool && jool file handle /etc/jool/jool.conf'
  return {
    instance,
    login: async () => {
      await shell.login(login.user, login.password)
      // Until the last job of the boot has ended, systemd writes about jobs to this console, between anybody's lines.
      await shell.run('systemctl is-system-running --wait', 120_000)
    },
    run: async (command, timeoutMs) => await shell.run(command, timeoutMs),
    configure: async () => {
      await must('mkdir -p /etc/jool /etc/systemd/network')
      for (const [path, text] of Object.entries(referenceFiles())) {
        // Short lines: a terminal takes 4095 characters at once.
        await must(`printf '%s\\n' ${text.trimEnd().split('\n').map((line) => `'${line}'`).join(' ')} > ${path}`)
      }
      await must('systemctl restart systemd-networkd')
      await must(await starting())
      await must('sync')
    },
    startTranslator: async () => await shell.run(await starting()),
    stopTranslator: async () => await shell.run(await hasService() ? 'systemctl stop jool' : `jool instance remove ${instance}`),
    startsAtBoot: hasService,
    // Warnings of the modules' last moments would reach neither this journal nor the next: the console shows them.
    reboot: () => { shell.leave('dmesg -n 5; systemctl reboot') },
  }
}
