import { createHash } from 'node:crypto'
import { copyFile, mkdir, readdir, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError } from '../../lib/errors.ts'
import { runForge, type BenchContext } from './figure.ts'

const minBytes = 600e6

// The daemons and languages that fill a VyOS image, and programs of the kinds that it has from elsewhere (in Go, Rust and Java, with LLVM); Debian's main
// archive has no firmware, which is the rest of it.
const packages = [
  'frr', 'frr-pythontools', 'strongswan', 'libcharon-extra-plugins', 'openvpn', 'wireguard-tools', 'podman', 'squid', 'nginx', 'haproxy', 'keepalived', 'conntrackd', 'snmpd', 'openssh-server',
  'radvd', 'ppp', 'kea-dhcp4-server', 'pdns-recursor', 'chrony', 'rsyslog', 'python3', 'python3-cryptography', 'python3-lxml', 'python3-pyroute2', 'python3-jinja2', 'python3-psutil',
  'vim', 'tmux', 'git', 'gdb', 'tshark', 'nmap', 'iperf3', 'mtr-tiny', 'linux-perf', 'qemu-guest-agent',
  'docker.io', 'buildah', 'skopeo', 'prometheus', 'prometheus-node-exporter', 'prometheus-blackbox-exporter', 'prometheus-snmp-exporter', 'prometheus-alertmanager', 'lldpd', 'pmacct', 'dnsdist',
  'squidguard', 'open-vm-tools', 'etcd-server', 'rclone', 'restic', 'caddy', 'bpftrace', 'bpfcc-tools', 'python3-scapy', 'ansible-core', 'python3-numpy', 'python3-pandas',
  'openjdk-17-jre-headless', 'influxdb', 'kubernetes-client', 'clang-14', 'golang-1.19-go', 'gh', 'hugo', 'nodejs', 'rustc', 'qemu-utils',
]

const target = `target: vyos-sized
description: "a test image in VyOS's form, and of its size"
suite: bookworm
source:
  provider: debian
  suite: bookworm
headers:
  provider: debian
  flavour: amd64
iso:
  kind: vyos-shaped
  packages: [${packages.join(', ')}]
`

/**
 * The ISO given with --image, or one of at least 600 MB whose squashfs is packed as VyOS packs it. That takes minutes, so it is kept
 * in the store, by the list of its packages: what changes in the program is no reason to make it again.
 */
export async function vyosSizedIso(context: BenchContext): Promise<string> {
  if (context.image !== undefined) return context.image
  const kept = join(context.storeDir, 'bench', `vyos-sized-${createHash('sha256').update(target).digest('hex').slice(0, 16)}.iso`)
  if (await stat(kept).then(() => true, () => false)) return kept
  context.say('building a VyOS-shaped ISO with a VyOS\'s worth of packages, since none is given with --image')
  const out = join(context.workDir, 'out')
  const file = join(context.workDir, 'vyos-sized.yaml')
  await writeFile(file, target)
  await runForge(['build', '--target', file, '--until', 'iso', '--store', context.storeDir, '--out', out], context)
  const iso = (await readdir(out, { recursive: true })).find((path) => path.endsWith('.iso'))
  if (iso === undefined) throw new ForgeError('E_BUG', 'the build made no ISO')
  const { size } = await stat(join(out, iso))
  if (size < minBytes) throw new ForgeError('E_BUG', `the ISO has ${String(size)} bytes, fewer than the ${String(minBytes)} that the figures are about`, { hint: 'add packages to scripts/dev/bench/vyos-sized.ts' })
  await mkdir(join(context.storeDir, 'bench'), { recursive: true })
  await copyFile(join(out, iso), `${kept}.part`)
  await rename(`${kept}.part`, kept)
  return kept
}
