import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openByteSource } from '../../formats/byte-source.ts'
import { readIso9660 } from '../../formats/iso9660.ts'
import { ForgeError } from '../../lib/errors.ts'
import { exec, median, projectDir, rounded, runForge, timed, type BenchContext, type Measure } from './figure.ts'
import { peakMemoryOfChildren } from './tree-memory.ts'

const rounds = 5
const unsquashfsRounds = 3

/** `inspect --json` of one ISO, its pages out of the cache; against unpacking its squashfs. */
export const inspectImage: Measure = async (context) => {
  const iso = context.image ?? await builtIso(context)
  const seconds: number[] = []
  let peakBytes = 0
  for (let round = 0; round < rounds; round += 1) {
    context.say(`inspect: round ${String(round + 1)} of ${String(rounds)}`)
    await dropFromCache(iso)
    const { result, bytes } = await peakMemoryOfChildren(() => runForge(['inspect', iso, '--json'], context))
    seconds.push(result.seconds)
    peakBytes = Math.max(peakBytes, bytes)
  }
  const offset = await squashfsOffset(iso)
  const unpacking: number[] = []
  for (let round = 0; round < unsquashfsRounds; round += 1) {
    context.say(`inspect-vs-unsquashfs: round ${String(round + 1)} of ${String(unsquashfsRounds)}`)
    const dir = join(context.workDir, 'unsquashed')
    await dropFromCache(iso)
    unpacking.push((await timed(() => exec(['unsquashfs', '-quiet', '-no-progress', '-no-xattrs', '-offset', String(offset), '-dest', dir, iso]))).seconds)
    await exec(['rm', '-rf', dir])
  }
  return [
    { id: 'inspect', value: rounded(median(seconds)), unit: 's', against: `at most 3 s, cold page cache; median of ${String(rounds)}` },
    { id: 'inspect-rss', value: Math.round(peakBytes / 1e6), unit: 'MB', against: 'at most 150 MB, children included; the largest of all rounds' },
    { id: 'inspect-vs-unsquashfs', value: rounded(median(seconds) / median(unpacking)), unit: 'ratio', against: 'at most 0.2; unsquashfs of the same image' },
    { id: 'inspect-vs-unsquashfs/unsquashfs', value: rounded(median(unpacking)), unit: 's', against: `median of ${String(unsquashfsRounds)}` },
  ]
}

// The daemons and languages that fill a VyOS image; Debian's main archive has no firmware, which is the rest of it.
const likeVyos = [
  'frr', 'frr-pythontools', 'strongswan', 'libcharon-extra-plugins', 'openvpn', 'wireguard-tools', 'podman', 'squid', 'nginx', 'haproxy', 'keepalived', 'conntrackd', 'snmpd', 'openssh-server',
  'radvd', 'ppp', 'kea-dhcp4-server', 'pdns-recursor', 'chrony', 'rsyslog', 'python3', 'python3-cryptography', 'python3-lxml', 'python3-pyroute2', 'python3-jinja2', 'python3-psutil',
  'vim', 'tmux', 'git', 'gdb', 'tshark', 'nmap', 'iperf3', 'mtr-tiny', 'linux-perf', 'qemu-guest-agent',
]

async function builtIso(context: BenchContext): Promise<string> {
  const out = join(context.workDir, 'out')
  const target = join(context.workDir, 'vyos-sized.yaml')
  const shaped = await readFile(join(projectDir, 'images/targets/vyos-shaped.yaml'), 'utf8')
  await writeFile(target, shaped.replace('target: vyos-shaped', 'target: vyos-sized').replace('kind: vyos-shaped\n', `kind: vyos-shaped\n  packages: [${likeVyos.join(', ')}]\n`))
  context.say('inspect: building a VyOS-shaped ISO with a VyOS\'s worth of packages, since none is given with --image')
  await runForge(['build', '--target', target, '--until', 'iso', '--store', context.storeDir, '--out', out], context)
  const iso = (await readdir(out, { recursive: true })).find((path) => path.endsWith('.iso'))
  if (iso === undefined) throw new ForgeError('E_BUG', 'the build made no ISO')
  return join(out, iso)
}

/** Asks the kernel to forget the file's pages; needs no rights. */
async function dropFromCache(file: string): Promise<void> {
  await exec(['sync', '--file-system', file])
  await exec(['dd', `if=${file}`, 'iflag=nocache', 'count=0', 'status=none'])
}

async function squashfsOffset(iso: string): Promise<number> {
  await using source = await openByteSource(iso)
  const entry = (await readIso9660(source)).entries.find(({ path }) => path.endsWith('.squashfs'))
  if (!entry) throw new ForgeError('E_IMAGE_NO_ROOT', `${iso} has no squashfs`, { hint: 'give a live ISO with --image' })
  return entry.offset
}
