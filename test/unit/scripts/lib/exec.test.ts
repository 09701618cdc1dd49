import { mkdtempSync, readFileSync } from 'node:fs'
import { access, chmod, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { createExec, type Argv } from '../../../../scripts/lib/exec.ts'
import { createLog, silentLog, type LogEvent } from '../../../../scripts/lib/log.ts'
import { rejection } from '../../../support/rejection.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

const exec = createExec({ log: silentLog })
const bash = (script: string): Argv => ['bash', '-c', script]

const alive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))
  } catch {
    return false
  }
}
const gone = (pid: number): Promise<void> => vi.waitFor(() => { expect(alive(pid)).toBe(false) }, { timeout: 5000, interval: 20 })

async function pidFrom(file: string): Promise<number> {
  return vi.waitFor(async () => {
    const pid = Number(await readFile(file, 'utf8'))
    expect(pid).toBeGreaterThan(1)
    return pid
  }, { timeout: 5000, interval: 20 })
}

describe('the environment of a program', () => {
  test('is fixed: language, time zone and PATH, nothing of the host\'s own', async () => {
    vi.stubEnv('LC_ALL', 'de_DE.UTF-8')
    vi.stubEnv('SECRET_OF_THE_HOST', 'x')
    vi.stubEnv('MAKEFLAGS', '-k')
    for (const name of ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'SSL_CERT_FILE', 'TMPDIR']) vi.stubEnv(name, undefined)
    const { stdout } = await createExec({ log: silentLog, tmpDir: '/tmp' })(['env'], { env: { SOURCE_DATE_EPOCH: '1' } })
    vi.unstubAllEnvs()
    const variables = Object.fromEntries(stdout.trim().split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
    // PWD, SHLVL and _ are bash's own, which starts the program.
    const { PWD: _pwd, SHLVL: _shlvl, _: _last, OLDPWD: _old, ...rest } = variables
    expect(rest).toEqual({
      PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`, HOME: process.env['HOME'], TMPDIR: '/tmp',
      LC_ALL: 'C.UTF-8', TZ: 'UTC', DEBIAN_FRONTEND: 'noninteractive', SOURCE_DATE_EPOCH: '1',
    })
  })

  test('no shell reads the arguments', async () => {
    const words = ['a b', '$HOME', '*', '`id`', '\'"\\', 'line\nline', '', '--', '§']
    const { stdout } = await exec(['printf', '%s|', ...words])
    expect(stdout).toBe(words.map((word) => `${word}|`).join(''))
  })
})

test('output, errors and status of a program that ends well are returned', async () => {
  expect(await exec(bash('echo out; echo err >&2'))).toEqual({ stdout: 'out\n', stderr: 'err\n', exitStatus: 0 })
})

test('standard input is what was given, and empty otherwise', async () => {
  expect((await exec(['cat'], { input: 'one\ntwo' })).stdout).toBe('one\ntwo')
  expect((await exec(['cat'])).stdout).toBe('')
})

test('standard output goes to a file when one is given', async () => {
  const file = join(await temporaryFolder(), 'out')
  expect((await exec(bash('printf data'), { stdoutFile: file })).stdout).toBe('')
  expect(await readFile(file, 'utf8')).toBe('data')
})

test('the command shown says where input comes from and output goes, and not what goes in', async () => {
  const commands: string[] = []
  const file = join(await temporaryFolder(), 'out put')
  await createExec({ log: createLog((event) => { if (event.kind === 'command') commands.push(event.text) }) })(['cat'], { input: 'a password', stdoutFile: file })
  expect(commands).toEqual([`cat < /dev/stdin > $'${file}'`])
})

test('every line is handed on as it comes, also the last without its newline', async () => {
  const lines: string[] = []
  await exec(bash('printf "one\\ntwo\\r\\nthree"'), { onLine: (line) => lines.push(line) })
  expect(lines).toEqual(['one', 'two', 'three'])
})

test('orders to a terminal in what a program says are left out of lines and errors, and of other control characters a mark stays', async () => {
  const lines: string[] = []
  const error = await rejection(exec(bash(String.raw`printf '\033]0;title\007\033[2J\033[31mred\033[m\tand\001\n' >&2; exit 1`), { onLine: (line) => lines.push(line) }))
  expect(lines).toEqual(['red\tand\ufffd'])
  expect(error.details?.split('\n').at(-1)).toBe('red\tand\ufffd')
})

test('a line without an end is handed on in pieces', async () => {
  const lengths: number[] = []
  await exec(bash('head -c 1000000 /dev/zero | tr "\\0" x'), { onLine: (line) => lengths.push(line.length) })
  expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(1_000_000)
  expect(Math.max(...lengths)).toBeLessThan(200_000)
})

test('the log keeps the command and all that it printed', async () => {
  const events: LogEvent[] = []
  await createExec({ log: createLog((event) => events.push(event), 'modules') })(bash('echo out'), { cwd: '/', env: { A: 'b c' } })
  expect(events).toEqual([
    { kind: 'command', stage: 'modules', text: 'cd / && env A=$\'b c\' bash -c $\'echo out\'' },
    { kind: 'output', stage: 'modules', text: 'out' },
  ])
})

describe('what nobody else may read', () => {
  const recorded = (): { events: string[]; exec: ReturnType<typeof createExec> } => {
    const events: string[] = []
    return { events, exec: createExec({ log: createLog((event) => { if ('text' in event) events.push(event.text) }) }) }
  }

  test('what a program with secrets prints is returned, and in neither log nor error', async () => {
    const { events, exec: watched } = recorded()
    const script = bash('f=$1; cat; cat >&2 <<<warning; exit 4')
    expect(await watched(script, { input: 'pass\n', secret: true, okStatus: [4] })).toEqual({ stdout: 'pass\n', stderr: 'warning\n', exitStatus: 4 })
    const { details } = await rejection(watched(script, { input: 'pass\n', secret: true }))
    const command = 'bash -c $\'f=$1; cat; cat >&2 <<<warning; exit 4\' < /dev/stdin'
    expect(details).toBe(`$ ${command}\n(what it printed may hold credentials and is not kept)`)
    expect(events).toEqual([command, command])
  })

  test('user and password in a URL are masked in the log, the lines and the error', async () => {
    const { events, exec: watched } = recorded()
    const lines: string[] = []
    const url = 'http://joe:p@ss%2f@proxy.example:3128/x'
    const { details } = await rejection(watched(['bash', '-c', 'echo "Proxy \\"$0\\";"; echo "$0" >&2; exit 1', url], { onLine: (line) => lines.push(line), env: { proxy: url } }))
    expect([...lines].sort()).toEqual(['Proxy "http://***@proxy.example:3128/x";', 'http://***@proxy.example:3128/x'])
    expect(events[0]).toContain('env proxy=$\'http://***@proxy.example:3128/x\' bash')
    expect(`${events.join('\n')}\n${details ?? ''}`).not.toMatch(/joe|p@ss/)
  })

  test('URLs without a password, and @ elsewhere, stay as they are', async () => {
    const { events, exec: watched } = recorded()
    const words = ['https://deb.example/a@b/c', 'name@host', 'http://[fd00::1]:80/', '@1767225600']
    expect((await watched(['printf', '%s\n', ...words])).stdout).toBe(`${words.join('\n')}\n`)
    expect(events.slice(1)).toEqual(words)
  })
})

describe('a program that fails', () => {
  test('shows the command, its status and its last words', async () => {
    expect(await rejection(exec(bash('echo "no such thing" >&2; exit 3'), { cwd: '/tmp', doing: 'make it', errorCode: 'E_COMPILE', hint: 'try harder' }))).toMatchObject({
      code: 'E_COMPILE', message: 'could not make it: exit status 3', hint: 'try harder',
      details: '$ cd /tmp && bash -c $\'echo "no such thing" >&2; exit 3\'\nno such thing',
    })
  })

  test('the command shown can be pasted into a shell and does the same', async () => {
    const dir = await temporaryFolder()
    const { details = '' } = await rejection(exec(bash('printf %s "$A" > "it\'s here"; exit 1'), { cwd: dir, env: { A: 'x $y' } }))
    const command = details.split('\n')[0]?.replace(/^\$ /, '') ?? ''
    await exec(['bash', '-c', command], { okStatus: [1] })
    expect(await readFile(join(dir, 'it\'s here'), 'utf8')).toBe('x $y')
  })

  test('shows the end of standard output when it said nothing on standard error', async () => {
    expect((await rejection(exec(bash('echo reason; exit 1')))).details).toContain('\nreason')
  })

  test('shows the last 25 lines, not all', async () => {
    const { details = '' } = await rejection(exec(bash('seq 100 >&2; exit 1')))
    expect(details.split('\n').slice(1)).toEqual(Array.from({ length: 25 }, (_unused, index) => String(index + 76)))
  })

  test('is not a failure where the status is an answer', async () => {
    expect(await exec(bash('exit 1'), { okStatus: [0, 1] })).toMatchObject({ exitStatus: 1 })
    expect(await rejection(exec(bash('exit 2'), { okStatus: [0, 1] }))).toMatchObject({ code: 'E_COMMAND', message: 'could not run bash: exit status 2' })
  })

  test('is reported as killed when a signal ended it', async () => {
    expect(await rejection(exec(bash('kill -SEGV $$')))).toMatchObject({ code: 'E_COMMAND', message: 'could not run bash: was killed by SIGSEGV' })
  })

  test('is reported as a full disk when it says so, with what frees space', async () => {
    expect(await rejection(exec(bash('echo "cp: write error: No space left on device" >&2; exit 1'), { doing: 'copy', errorCode: 'E_ISO' }))).toMatchObject({
      code: 'E_DISK_FULL', exitStatus: 69, message: 'the disk became full while trying to copy', hint: expect.stringContaining('--store DIR'),
    })
  })

  test('is reported with the free space of the store\'s disk, not of the folder it ran in', async () => {
    // A file system without any free space, whatever the machine.
    const full = createExec({ log: silentLog, tmpDir: '/proc' })
    expect(await rejection(full(bash('echo "No space left on device" >&2; exit 1'), { cwd: '/' }))).toMatchObject({
      code: 'E_DISK_FULL', message: 'the disk became full while trying to run a program (0 MiB free on the store\'s disk now)',
    })
  })

  test('is reported as not installed when there is no such program', async () => {
    expect(await rejection(exec(['no-such-program-here', 'x']))).toMatchObject({ code: 'E_HOST_PACKAGES', hint: 'nat64-forge doctor', message: expect.stringContaining('no-such-program-here') })
  })

  test('calls for the debug shell while its surroundings exist, and throws the same error', async () => {
    const calls: [readonly string[], string | undefined][] = []
    const watched = createExec({ log: silentLog, onFailure: (argv, cwd) => { calls.push([argv, cwd]); return Promise.resolve() } })
    expect(await rejection(watched(bash('exit 9'), { cwd: '/' }))).toMatchObject({ code: 'E_COMMAND' })
    expect(calls).toEqual([[['bash', '-c', 'exit 9'], '/']])
  })

  test('calls for no debug shell where the failure is one of the answers', async () => {
    const onFailure = vi.fn(() => Promise.resolve())
    expect(await rejection(createExec({ log: silentLog, onFailure })(bash('exit 9'), { tolerated: true }))).toMatchObject({ code: 'E_COMMAND' })
    expect(onFailure).not.toHaveBeenCalled()
  })
})

describe('a program is ended with its whole process group', () => {
  const spawnsChildren = (file: string): Argv => bash(`sleep 300 & echo $! > ${file}; wait`)

  test('at its deadline', async () => {
    const file = join(await temporaryFolder(), 'pid')
    expect(await rejection(exec(spawnsChildren(file), { timeoutMs: 400, doing: 'wait for nothing' }))).toMatchObject({
      code: 'E_TIMEOUT', message: 'wait for nothing took longer than 0 s and was ended', details: expect.stringContaining('$ bash -c'),
    })
    await gone(await pidFrom(file))
  })

  test('on an interrupt, without asking for the debug shell', async () => {
    const file = join(await temporaryFolder(), 'pid')
    const interrupt = new AbortController()
    const onFailure = vi.fn(() => Promise.resolve())
    const running = rejection(createExec({ log: silentLog, signal: interrupt.signal, onFailure })(spawnsChildren(file)))
    const pid = await pidFrom(file)
    interrupt.abort()
    expect(await running).toMatchObject({ code: 'E_INTERRUPTED' })
    expect(onFailure).not.toHaveBeenCalled()
    await gone(pid)
  })

  test('by force when it does not listen', async () => {
    const started = performance.now()
    expect(await rejection(exec(bash('trap "" TERM; sleep 300 & wait; wait; sleep 300'), { timeoutMs: 100 }))).toMatchObject({ code: 'E_TIMEOUT' })
    expect(performance.now() - started).toBeLessThan(8000)
  })

  test('nothing is started after an interrupt', async () => {
    const file = join(mkdtempSync(join(await temporaryFolder(), 'x')), 'made')
    expect(await rejection(createExec({ log: silentLog, signal: AbortSignal.abort() })(['touch', file]))).toMatchObject({ code: 'E_INTERRUPTED' })
    await expect(access(file)).rejects.toThrow()
  })

  test('also when this process is killed with -9', async () => {
    const dir = await temporaryFolder()
    const script = join(dir, 'parent.mts')
    await writeFile(script, [
      `import { createExec } from ${JSON.stringify(join(process.cwd(), 'scripts/lib/exec.ts'))}`,
      `import { silentLog } from ${JSON.stringify(join(process.cwd(), 'scripts/lib/log.ts'))}`,
      `process.stdout.write('ready ' + process.pid + '\\n')`,
      `await createExec({ log: silentLog })(['bash', '-c', 'echo $$ > ${dir}/pid; exec sleep 300'])`,
    ].join('\n'))
    let parent = 0
    const running = rejection(exec([process.execPath, '--import', 'tsx', script], { onLine: (line) => { if (line.startsWith('ready ')) parent = Number(line.slice(6)) } }))
    const child = await pidFrom(join(dir, 'pid'))
    process.kill(parent, 'SIGKILL')
    expect(await running).toMatchObject({ message: expect.stringContaining('was killed by SIGKILL') })
    await gone(child)
  })
})

test('temporary files of programs go where the run wants them', async () => {
  const dir = await temporaryFolder()
  await chmod(dir, 0o777)
  const { stdout } = await createExec({ log: silentLog, tmpDir: dir })(['mktemp'])
  expect(stdout.startsWith(`${dir}/tmp.`)).toBe(true)
  expect(tmpdir()).not.toBe(dir)
})
