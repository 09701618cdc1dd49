import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { injectTools } from '../../images/inject/artifact.ts'
import { inspectTools } from '../../images/inspect/artifact.ts'
import { containerTools } from '../../packaging/oci/artifact.ts'
import type { StageName } from '../domain/stage-name.ts'
import { ForgeError } from '../lib/errors.ts'
import { createExec } from '../lib/exec.ts'
import type { HostTool } from '../lib/host-tools.ts'
import { silentLog } from '../lib/log.ts'
import type { AnyStage } from '../pipeline/stage.ts'
import { stages } from '../pipeline/stages.ts'

/** Needed by every build, whatever its stages. */
const always: readonly HostTool[] = [
  { command: 'apt-get', package: 'apt', why: 'reads Debian\'s archive' },
  { command: '/usr/lib/apt/apt-helper', package: 'apt', why: 'downloads files' },
  { command: '/etc/ssl/certs/ca-certificates.crt', package: 'ca-certificates', why: 'verifies https mirrors' },
  { command: 'flock', package: 'util-linux', why: 'lets two runs share one store' },
]

/** Needed by the project's own tests, beside what the stages need. */
export const testTools: readonly HostTool[] = [
  { command: 'zsh', package: 'zsh', why: 'tries the completion script' },
  { command: 'softhsm2-util', package: 'softhsm2', why: 'stands in for a token with a signing key' },
  { command: '/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so', package: 'libengine-pkcs11-openssl', why: 'lets openssl sign with a token' },
  { command: 'newuidmap', package: 'uidmap', why: 'gives an ordinary user numbers of other owners' },
  { command: 'make', package: 'make', why: 'stands in for a kernel\'s configuration' },
  { command: 'modinfo', package: 'kmod', why: 'holds what is read of modules against kmod\'s own reading' },
  { command: 'patch', package: 'patch', why: 'tries series of patches' },
  { command: '/usr/bin/python3', package: 'python3', why: 'runs what runs on routers, and checks its syntax' },
  { command: 'mandoc', package: 'mandoc', why: 'checks manual pages' },
  { command: 'man', package: 'man-db', why: 'checks manual pages' },
  { command: 'nft', package: 'nftables', why: 'carries out nat64ctl\'s plans in namespaces' },
  { command: 'iptables-save', package: 'iptables', why: 'carries out nat64ctl\'s plans in namespaces' },
  { command: 'tayga', package: 'tayga', why: 'carries out nat64ctl\'s plans in namespaces' },
  { command: 'systemd-analyze', package: 'systemd', why: 'tells how exposed nat64ctl\'s units are' },
  { command: 'skopeo', package: 'skopeo', why: 'reads a container image as podman does' },
  { command: 'umoci', package: 'umoci', why: 'unpacks a container image' },
  { command: 'crun', package: 'crun', why: 'runs a container' },
  { command: 'lb', package: 'live-build', why: 'makes an ISO as VyOS\'s are made' },
  { command: 'sfdisk', package: 'fdisk', why: 'installs a router on a disk' },
  { command: '/usr/lib/grub/i386-pc/boot.img', package: 'grub-pc-bin', why: 'boots an installed router under BIOS' },
  { command: '/usr/bin/mypy', package: 'mypy', why: 'checks the types of the Python that runs on routers' },
]

export interface ToolState extends HostTool {
  stages: (StageName | 'all' | 'inspect' | 'inject' | 'oci' | 'tests')[]
  present: boolean
}

/** Every host program that the stages call, and whether it is there; with `images`, also those that looking into an image, or putting packages into it, may need. */
export async function hostTools(wanted: readonly AnyStage[], { tests = false, images = false, container = false }: { tests?: boolean; images?: boolean; container?: boolean } = {}): Promise<ToolState[]> {
  const tools = new Map<string, ToolState>()
  const add = async (tool: HostTool, user: ToolState['stages'][number]): Promise<void> => {
    const known = tools.get(tool.command)
    if (known) known.stages.push(user)
    else tools.set(tool.command, { ...tool, stages: [user], present: await isPresent(tool.command) })
  }
  for (const tool of always) await add(tool, 'all')
  for (const stage of wanted) for (const tool of stage.tools) await add(tool, stage.name)
  if (images) {
    for (const tool of inspectTools) await add(tool, 'inspect')
    for (const tool of injectTools) await add(tool, 'inject')
  }
  if (container) for (const tool of containerTools) await add(tool, 'oci')
  if (tests) for (const tool of testTools) await add(tool, 'tests')
  return [...tools.values()]
}

/** @throws ForgeError E_HOST_PACKAGES with the one apt line that helps */
export async function requireHostTools(wanted: readonly AnyStage[], options: { images?: boolean; container?: boolean } = {}): Promise<void> {
  const missing = (await hostTools(wanted, options)).filter((tool) => !tool.present)
  if (missing.length === 0) return
  throw new ForgeError('E_HOST_PACKAGES', `${String(missing.length)} programs that this build calls are not installed`, {
    hint: aptLine(missing),
    details: missing.map((tool) => `${tool.command} (${tool.package}): ${tool.why}`).join('\n'),
  })
}

export async function doctor({ json = false, install = false, tests = false }: { json?: boolean; install?: boolean; tests?: boolean }): Promise<void> {
  const tools = await hostTools(stages, { tests, images: true, container: true })
  const missing = tools.filter((tool) => !tool.present)
  if (json) process.stdout.write(`${JSON.stringify({ tools, aptLine: missing.length > 0 ? aptLine(missing) : null }, null, 2)}\n`)
  else if (!install) for (const tool of tools) process.stdout.write(`${tool.present ? 'ok      ' : 'MISSING '} ${tool.package.padEnd(24)} ${tool.why} (${tool.stages.join(', ')})\n`)
  if (missing.length === 0) return
  if (!install) throw new ForgeError('E_HOST_PACKAGES', `${String(missing.length)} programs are not installed`, { hint: aptLine(missing) })
  await installPackages(missing)
}

async function installPackages(missing: readonly ToolState[]): Promise<void> {
  const prefix = process.getuid?.() === 0 ? [] : await isPresent('sudo') ? ['sudo', '-n'] : undefined
  if (!prefix) throw new ForgeError('E_HOST_PACKAGES', `${String(missing.length)} programs are not installed, and only root can install them`, { hint: aptLine(missing), details: missing.map((tool) => `${tool.command} (${tool.package}): ${tool.why}`).join('\n') })
  process.stderr.write(`installing Debian packages: ${packagesOf(missing).join(' ')}\n`)
  const exec = createExec({ log: silentLog })
  const hint = aptLine(missing)
  const run = (...words: string[]): Promise<unknown> => exec([...prefix, ...words] as unknown as readonly [string, ...string[]], { doing: 'install Debian packages', errorCode: 'E_HOST_PACKAGES', hint, timeoutMs: 30 * 60_000 })
  await run('apt-get', 'update', '-q')
  await run('apt-get', 'install', '-y', '-q', '--no-install-recommends', ...packagesOf(missing))
  const still = (await hostTools(stages)).filter((tool) => !tool.present)
  if (still.length > 0) throw new ForgeError('E_HOST_PACKAGES', `apt installed everything, but ${still.map((tool) => tool.command).join(', ')} is still missing`)
}

function aptLine(missing: readonly ToolState[]): string {
  return `apt-get install --no-install-recommends ${packagesOf(missing).join(' ')}`
}

function packagesOf(tools: readonly ToolState[]): string[] {
  return [...new Set(tools.map((tool) => tool.package))].sort()
}

async function isPresent(command: string): Promise<boolean> {
  if (command.startsWith('/')) return access(command).then(() => true, () => false)
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  for (const folder of folders) if (folder !== '' && await access(join(folder, command), constants.X_OK).then(() => true, () => false)) return true
  return false
}
