// The one way in for `npm start` and `npm test`: installs what is missing, says so, then goes on.
// Plain JavaScript without imports from npm: it runs before anything is installed.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'

const project = fileURLToPath(new URL('..', import.meta.url))
const [task, ...words] = process.argv.slice(2)

let child
// An interrupt ends the running child; its end ends this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => { child?.kill(signal) })

/** Runs a program to its end; resolves to its exit status. */
function run(command, args, { cwd = process.cwd(), quiet = false } = {}) {
  return new Promise((resolve) => {
    child = spawn(command, args, { stdio: quiet ? ['ignore', 2, 2] : 'inherit', cwd })
    child.on('error', (error) => {
      console.error(`nat64-forge: cannot run ${command}: ${error.message}`)
      resolve(69)
    })
    child.on('exit', (status, signal) => { resolve(status ?? (signal === 'SIGINT' ? 130 : 143)) })
  })
}

async function runOrExit(...words) {
  const status = await run(...words)
  if (status !== 0) process.exit(status)
}

// npm's packages follow the lock file: its digest is noted after an installation that ended well.
const lockDigest = createHash('sha256').update(readFileSync(`${project}/package-lock.json`)).digest('hex')
const note = `${project}/node_modules/.nat64-forge-lock`
if (!existsSync(note) || readFileSync(note, 'utf8') !== lockDigest) {
  console.error('installing npm packages from package-lock.json')
  if (await run('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], { cwd: project, quiet: true }) !== 0) {
    console.error('nat64-forge: `npm ci` failed: check the network and the registry in npm\'s own configuration, then run the same command again')
    process.exit(69)
  }
  writeFileSync(note, lockDigest)
}

const forge = `${project}/scripts/nat64-forge.mjs`
await runOrExit(process.execPath, [forge, 'doctor', '--install', ...(task === 'test' ? ['--tests'] : [])])
if (task === 'test') await runOrExit(process.execPath, ['--import', 'tsx', 'scripts/dev/test.ts', ...words], { cwd: project })
else await runOrExit(process.execPath, [forge, 'build', ...words])
