import { chmod, cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sha256File } from '../lib/digest.ts'
import { createExec, type Argv } from '../lib/exec.ts'
import { silentLog } from '../lib/log.ts'
import { readArguments } from './read-arguments.ts'

// Builds one lock twice, with everything around it different (folder, store, time, umask, user name, home, locale,
// time zone, a copy of the project elsewhere), and compares every package, the repository and the image byte for byte.
//
//   npm run verify:reproducible -- [--target NAME] [--until debs|iso] [--keep]

const { values } = readArguments('npm run verify:reproducible -- [--target TARGET] [--until STAGE] [--keep]', { options: { target: { type: 'string', default: 'debian-12' }, until: { type: 'string', default: 'iso' }, keep: { type: 'boolean', default: false } } })
const projectDir = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const work = await mkdtemp(join(tmpdir(), 'nat64-forge-reproducible-'))
const exec = createExec({ log: silentLog })
const say = (line: string): void => { process.stderr.write(`${line}\n`) }

interface Surroundings {
  name: string
  umask: string
  env: Record<string, string>
}

const first: Surroundings = { name: 'a', umask: '0022', env: { USER: 'root', LOGNAME: 'root', LANG: 'C.UTF-8' } }
const second: Surroundings = { name: 'another/folder', umask: '0077', env: { USER: 'somebody', LOGNAME: 'somebody', HOME: join(work, 'home'), LANG: 'de_DE.UTF-8', LC_ALL: 'tr_TR.UTF-8', TZ: 'Pacific/Auckland' } }

async function build({ name, umask, env }: Surroundings, project: string, lock: string | undefined): Promise<string> {
  const dir = join(work, name)
  const out = join(dir, 'out')
  await mkdir(dir, { recursive: true })
  const started = performance.now()
  // umask is a shell's to set; the words after it are arguments, not shell text. env(1) sets what Exec fixes otherwise.
  const argv = ['sh', '-c', 'umask "$0"; exec "$@"', umask, 'env', ...Object.entries(env).map(([key, value]) => `${key}=${value}`),
    process.execPath, join(project, 'scripts/nat64-forge.mjs'), 'build', '--until', values.until, '--store', join(dir, 'store'), '--out', out,
    ...(lock === undefined ? ['--target', values.target] : ['--locked', lock]),
  ] as unknown as Argv
  await exec(argv, { cwd: dir, timeoutMs: 60 * 60_000, doing: `build ${name}`, onLine: (line) => { say(`  ${line}`) } })
  say(`built ${name} in ${((performance.now() - started) / 1000).toFixed(0)} s`)
  return join(out, values.target)
}

/** Files whose bytes must repeat. Reports and logs tell of times and are left out. */
async function products(dir: string): Promise<Map<string, string>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => relative(dir, join(entry.parentPath, entry.name)))
  const wanted = paths.filter((path) => /^(packages|apt)\//.test(path) || /\.iso$|^iso-packages\.txt$|^lock\.yaml$/.test(path)).sort()
  return new Map(await Promise.all(wanted.map(async (path) => [path, await sha256File(join(dir, path))] as const)))
}

try {
  await mkdir(join(work, 'home'))
  const copy = join(work, 'copy of the project')
  await cp(projectDir, copy, { recursive: true, verbatimSymlinks: true, filter: (path) => !/\/(\.git|out)$/.test(path) })
  await chmod(copy, 0o755)
  const one = await build(first, projectDir, undefined)
  const two = await build(second, copy, join(one, 'lock.yaml'))
  const [a, b] = await Promise.all([products(one), products(two)])
  const differing = [...new Set([...a.keys(), ...b.keys()])].filter((path) => a.get(path) !== b.get(path))
  for (const path of a.keys()) say(`${differing.includes(path) ? 'DIFFERS ' : 'same    '} ${path}`)
  for (const path of differing) {
    const { stdout } = await exec(['diffoscope', '--text', '-', join(one, path), join(two, path)], { okStatus: [0, 1, 2, 127], timeoutMs: 20 * 60_000, doing: 'show the difference', hint: 'apt-get install diffoscope-minimal' }).catch((error: unknown) => ({ stdout: String(error) }))
    process.stdout.write(stdout)
  }
  process.stdout.write(`${String(a.size - differing.length)} of ${String(a.size)} files are the same\n`)
  if (differing.length > 0 || a.size === 0 || a.size !== b.size) process.exitCode = 1
} finally {
  if (values.keep) say(`kept: ${work}`)
  else await rm(work, { recursive: true, force: true })
}
