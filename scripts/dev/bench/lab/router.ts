import { mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { IsoArtifact } from '../../../../images/iso/artifact.ts'
import { connectHosts } from '../../../../images/smoke/lab/network.ts'
import { topology } from '../../../../images/smoke/lab/topology.ts'
import type { LabTree } from '../../../../images/smoke/lab/tree.ts'
import { withLabRouter } from '../../../../images/smoke/lab-router.ts'
import { ForgeError } from '../../../lib/errors.ts'
import { runStages } from '../../../pipeline/run.ts'
import { stages } from '../../../pipeline/stages.ts'
import { exec, type BenchContext } from '../figure.ts'
import { openPrepared } from '../forge-session.ts'

/** A reference router that has booted, with its addresses, between the lab's hosts. */
export interface BenchRouter {
  tree: LabTree
  accelerator: 'kvm' | 'tcg'
  /** Runs a command line on the router. @throws ForgeError E_BOOT with its words when it fails */
  must: (command: string, timeoutMs?: number) => Promise<string>
  /** Whether a command line succeeds on the router. */
  succeeds: (command: string) => Promise<boolean>
  /** Copies a file of this machine to the router. @throws ForgeError E_BOOT */
  copy: (file: string, to: string) => Promise<void>
}

const filePort = 8064

/**
 * Boots the image of --image, or the default target's, once; no NAT64 runs on it.
 * @param counting its clock counts the instructions of its one processor, a nanosecond each; emulated
 * @throws ForgeError E_LAB, E_BOOT
 */
export async function withRouter<T>(name: string, context: BenchContext, work: (router: BenchRouter) => Promise<T>, counting = false): Promise<T> {
  const iso = context.image ?? await builtIso(context)
  const workDir = join(context.workDir, name)
  await mkdir(workDir, { recursive: true })
  const input = { iso, login: { user: 'root', password: 'router' }, exec, signal: new AbortController().signal, workDir, consoleFile: join(workDir, 'console.log'), counting }
  context.say(`${name}: booting ${basename(iso)}`)
  return await withLabRouter(input, connectHosts, async ({ accelerator, tree, router: driver }) => {
    context.say(`${name}: it has booted (${accelerator})`)
    const must = async (command: string, timeoutMs?: number): Promise<string> => {
      const { status, output } = await driver.run(command, timeoutMs)
      if (status !== 0) throw new ForgeError('E_BOOT', `on the router: ${command}: exit status ${String(status)}`, { details: output.slice(-2000) })
      return output
    }
    await driver.login()
    await driver.configure()
    await must('systemctl stop jool && modprobe -r jool nf_defrag_ipv6 nf_defrag_ipv4')
    return await work({ tree, accelerator, must, succeeds: async (command) => (await driver.run(command)).status === 0, copy: async (file, to) => { await copied(tree, must, file, to) } })
  })
}

/** By HTTP from the IPv6 host: a serial line would take minutes. */
async function copied({ ipv6Host }: LabTree, must: BenchRouter['must'], file: string, to: string): Promise<void> {
  const { child } = await ipv6Host.call('start', { argv: ['/usr/bin/python3', '-I', '-m', 'http.server', '--bind', topology.v6.host, '--directory', dirname(file), String(filePort)] })
  const url = `http://[${topology.v6.host}]:${String(filePort)}/${basename(file)}`
  // The server takes a moment to listen.
  const script = `import time, urllib.request as r\nfor left in range(100, -1, -1):\n try:\n  r.urlretrieve("${url}", "${to}")\n  break\n except OSError:\n  if not left: raise\n  time.sleep(0.1)\n`
  await must(`printf '${script.replaceAll('\n', '\\n')}' | python3 -I -`)
  await ipv6Host.call('stop', { child })
}

/** The default target, with what the other engine and the other mode need beside. */
async function builtIso(context: BenchContext): Promise<string> {
  context.say('no image given with --image: building that of debian-12 with tayga and iptables, if needed')
  const target = join(context.workDir, 'bench-router.yaml')
  await writeFile(target, 'target: bench-router\nsuite: bookworm\niso:\n  packages: [iptables, tayga]\n  compression: fast\n')
  const { session, prepared } = await openPrepared(context, target)
  await using _session = session
  const results = await runStages(prepared, { until: 'iso' }, stages, session)
  const iso = results.find(({ name }) => name === 'iso')
  if (!iso) throw new ForgeError('E_BUG', 'the build made no ISO')
  return join(iso.dir, (iso.artifact as IsoArtifact).isoName)
}
