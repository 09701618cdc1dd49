import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build as bundle } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { debs } from '../../packaging/debs/stage.ts'
import type { DebsArtifact } from '../../packaging/debs/artifact.ts'
import type { ArtifactsBefore } from '../../packaging/debs/inputs.ts'
import type { DebsPlan } from '../../packaging/debs/plan.ts'
import { writeRepository } from '../../packaging/debs/repository.ts'
import { signRelease } from '../../packaging/debs/sign.ts'
import { readCliTree } from '../../packaging/cli-tree/tree.ts'
import { treeJson } from '../../packaging/cli-tree/tree-json.ts'
import { filesUnder } from '../../packaging/debs/tree.ts'
import { sha256File } from '../../scripts/lib/digest.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { madeUpArtifacts } from '../support/debs-inputs.ts'
import { epoch, kernel56, plansFor } from '../support/debs-plans.ts'
import { makeSigningKey } from '../support/signing-key.ts'
import { needsTools } from '../support/tools.ts'

const projectDir = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')
const exec = createExec({ log: silentLog })
const output = (command: string, ...args: string[]): string => execFileSync(command, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' } })

async function build(plan: DebsPlan, before: ArtifactsBefore, dir: string): Promise<DebsArtifact & { dir: string }> {
  const outDir = join(dir, 'out')
  const workDir = join(dir, 'work')
  await mkdir(outDir, { recursive: true })
  await mkdir(workDir)
  const artifact = await debs.run(plan, {
    before, exec, log: silentLog, signal: new AbortController().signal, workDir, outDir, projectDir, jobs: 1,
    fetch: () => Promise.reject(new Error('the debs stage downloads nothing')),
    shared: () => Promise.reject(new Error('the debs stage shares nothing')),
  })
  return { ...artifact, dir: outDir }
}

/** Every file under a folder with its digest. */
async function digests(dir: string): Promise<Record<string, string>> {
  return Object.fromEntries(await Promise.all((await filesUnder(dir)).map(async (path) => [path, await sha256File(join(dir, path))] as const)))
}

describe.skipIf(!needsTools('dpkg-deb', 'lintian', 'apt-ftparchive', 'xz', 'tar', 'gzip', '/usr/bin/python3'))('the debs stage', { timeout: 120_000 }, () => {
  let dir: string
  let before: ArtifactsBefore
  let built: DebsArtifact & { dir: string }
  const debOf = (name: string): string => join(built.dir, built.packages.find((one) => one.name === name)?.file ?? 'none')

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'debs-'))
    before = await madeUpArtifacts(join(dir, 'before'))
    // lintian runs inside: an error or a warning ends the build.
    built = await build(plansFor(kernel56), before, join(dir, 'first'))
  }, 120_000)
  afterAll(async () => { await rm(dir, { recursive: true, force: true }) })

  test('publishes packages, sources and a repository', async () => {
    expect(await filesUnder(built.dir)).toEqual([
      'apt/Packages',
      'apt/Packages.xz',
      'apt/Release',
      'apt/pool/jool-modules-6.1.0-56-amd64_4.1.13+forge1-1+linux6.1.192+2_amd64.deb',
      'apt/pool/jool-modules-amd64_4.1.13+forge1-1+linux6.1.192+2_amd64.deb',
      'apt/pool/jool-tools_4.1.13+forge1-1_amd64.deb',
      'apt/pool/nat64ctl_0.1.0-1_all.deb',
      'apt/pool/vyos-nat64_0.1.0-1_all.deb',
      'packages/SOURCES.txt',
      'packages/jool-modules-6.1.0-56-amd64_4.1.13+forge1-1+linux6.1.192+2_amd64.deb',
      'packages/jool-modules-amd64_4.1.13+forge1-1+linux6.1.192+2_amd64.deb',
      'packages/jool-tools_4.1.13+forge1-1_amd64.deb',
      'packages/jool_4.1.13+forge1-1.packaging.tar.xz',
      'packages/jool_4.1.13+forge1-1_amd64.buildinfo',
      'packages/jool_4.1.13+forge1.orig.tar.xz',
      'packages/nat64-forge_0.1.0-1_all.buildinfo',
      'packages/nat64ctl_0.1.0-1_all.deb',
      'packages/vyos-nat64_0.1.0-1_all.deb',
    ])
    for (const { file, sha256 } of built.packages) expect(await sha256File(join(built.dir, file))).toBe(sha256)
  })

  test.each(['jool-modules-6.1.0-56-amd64', 'jool-modules-amd64', 'jool-tools', 'vyos-nat64'])('%s has the reviewed files, modes, owners and dates', async (name) => {
    // Sizes of changelogs depend on the gzip at hand: everything else of a line counts.
    const lines = output('dpkg-deb', '--contents', debOf(name)).split('\n').map((line) => line.replace(/^(\S+ \S+)\s+\d+/, '$1'))
    await expect(lines.join('\n')).toMatchFileSnapshot(`../golden/debs/bookworm/${name}.contents`)
  })

  test('nat64ctl has the reviewed files, and all of its Python beside the table that is made of the CLI tree', async () => {
    const python = 'usr/lib/python3/dist-packages/nat64ctl'
    const lines = output('dpkg-deb', '--contents', debOf('nat64ctl')).split('\n').map((line) => line.replace(/^(\S+ \S+)\s+\d+/, '$1'))
    const [code, others] = [lines.filter((line) => line.endsWith('.py')), lines.filter((line) => !line.includes(`./${python}/`) || line.endsWith('.json'))]
    await expect(others.join('\n')).toMatchFileSnapshot('../golden/debs/bookworm/nat64ctl.contents')
    const source = (await filesUnder(join(projectDir, 'packaging/nat64ctl', python))).filter((path) => path.endsWith('.py'))
    expect(source).toContain('model.py')
    expect(code).toEqual(source.map((path) => `-rw-r--r-- root/root 2026-01-01 00:00 ./${python}/${path}`))

    const root = join(dir, 'nat64ctl')
    output('dpkg-deb', '--raw-extract', debOf('nat64ctl'), root)
    expect(await readFile(join(root, python, 'tree.json'), 'utf8')).toBe(treeJson(await readCliTree(projectDir)))
    expect(await readFile(join(root, 'DEBIAN/conffiles'), 'utf8')).toBe(
      '/etc/NetworkManager/dispatcher.d/50-nat64\n/etc/dhcp/dhclient-exit-hooks.d/nat64\n/etc/nat64/nat64.config\n/etc/network/if-up.d/nat64\n/etc/networkd-dispatcher/routable.d/50-nat64\n'
      + '/etc/ppp/ip-up.d/nat64\n/etc/ppp/ipv6-up.d/nat64\n')
    expect(output('/usr/bin/python3', '-B', '-I', '-c', `import sys; sys.path.insert(0, sys.argv[1]); import nat64ctl.model; print(nat64ctl.model.__file__)`, join(root, 'usr/lib/python3/dist-packages')))
      .toBe(`${root}/${python}/model.py\n`)
  })

  test('fills in the size and the tools\' library dependencies', () => {
    expect(output('dpkg-deb', '--field', debOf('jool-tools'), 'Depends')).toBe('init-system-helpers (>= 1.54~), libc6 (>= 2.34), jool-modules (= 4.1.13)\n')
    expect(Number(output('dpkg-deb', '--field', debOf('jool-tools'), 'Installed-Size'))).toBeGreaterThan(30)
    expect(output('dpkg-deb', '--info', debOf('jool-tools'), 'control')).not.toContain('${')
  })

  test('md5sums covers every file and is right', async () => {
    const root = join(dir, 'unpacked')
    output('dpkg-deb', '--raw-extract', debOf('jool-tools'), root)
    const listed = (await readFile(join(root, 'DEBIAN/md5sums'), 'utf8')).trimEnd().split('\n').map((line) => line.slice(34))
    expect(listed).toEqual((await filesUnder(root)).filter((path) => !path.startsWith('DEBIAN/')))
    execFileSync('md5sum', ['--check', '--quiet', 'DEBIAN/md5sums'], { cwd: root })
  })

  test('maintainer scripts have their names filled in and are valid for sh', async () => {
    for (const { name } of built.packages) {
      const control = join(dir, `control-${name}`)
      output('dpkg-deb', '--control', debOf(name), control)
      for (const script of (await readdir(control)).filter((file) => /^(pre|post)(inst|rm)$/.test(file))) {
        expect(await readFile(join(control, script), 'utf8')).not.toMatch(/@[A-Z_]+@/)
        execFileSync('sh', ['-n', join(control, script)])
      }
    }
    expect(output('dpkg-deb', '--info', debOf('jool-modules-6.1.0-56-amd64'), 'postinst')).toContain('release=\'6.1.0-56-amd64\'')
  })

  test('takes ours for units, and leaves Debian\'s init script behind', () => {
    expect(output('dpkg-deb', '--fsys-tarfile', debOf('jool-tools')).includes('not ours')).toBe(false)
    expect(output('dpkg-deb', '--contents', debOf('jool-tools'))).not.toContain('init.d')
  })

  test('packs Jool\'s sources and the packaging with fixed owners and dates', () => {
    const list = (name: string): string[] => output('tar', '--list', '--verbose', '--file', join(built.dir, 'packages', name)).trimEnd().split('\n').map((line) => line.replace(/ +\d+ 2026/, ' 2026'))
    expect(list('jool_4.1.13+forge1.orig.tar.xz')).toEqual([
      'drwxr-xr-x 0/0 2026-01-01 00:00 jool-4.1.13+forge1/',
      '-rwxr-xr-x 0/0 2026-01-01 00:00 jool-4.1.13+forge1/configure',
      'drwxr-xr-x 0/0 2026-01-01 00:00 jool-4.1.13+forge1/src/',
      'drwxr-xr-x 0/0 2026-01-01 00:00 jool-4.1.13+forge1/src/mod/',
      'drwxr-xr-x 0/0 2026-01-01 00:00 jool-4.1.13+forge1/src/mod/common/',
      '-rw-r--r-- 0/0 2026-01-01 00:00 jool-4.1.13+forge1/src/mod/common/core.c',
    ])
    const packaging = list('jool_4.1.13+forge1-1.packaging.tar.xz')
    expect(packaging).toContain('-rw-r--r-- 0/0 2026-01-01 00:00 jool-4.1.13+forge1-packaging/packaging/jool-tools/DEBIAN/postinst')
    expect(packaging).toContain('-rw-r--r-- 0/0 2026-01-01 00:00 jool-4.1.13+forge1-packaging/package.json')
  })

  test('the packaging holds all of ours that the stages up to it import', async () => {
    const root = join(dir, 'packaging')
    await mkdir(root)
    output('tar', '--extract', '--strip-components=1', '--directory', root, '--file', join(built.dir, 'packages/jool_4.1.13+forge1-1.packaging.tar.xz'))
    const stages = ['kernel/source', 'kernel/headers', 'kernel/modules', 'packaging/debs'].map((folder) => `${folder}/stage.ts`)
    // A missing import is an error of the bundler.
    const { metafile } = await bundle({ absWorkingDir: root, entryPoints: stages, bundle: true, metafile: true, write: false, outdir: 'unused', packages: 'external', platform: 'node', format: 'esm', logLevel: 'silent' })
    expect(Object.keys(metafile.inputs)).toEqual(expect.arrayContaining([...stages, 'scripts/lib/build-root.ts', 'scripts/formats/kernel-module.ts']))
  })

  test('another folder, time and umask give the same bytes', async () => {
    const umask = process.umask(0o077)
    try {
      const elsewhere = join(dir, 'a much longer path than before', 'ü')
      const again = await build(plansFor(kernel56), await madeUpArtifacts(join(elsewhere, 'before')), elsewhere)
      expect(await digests(again.dir)).toEqual(await digests(built.dir))
    } finally {
      process.umask(umask)
    }
  })

  test('apt reads the repository and finds the packages in it', async () => {
    const state = join(dir, 'apt-state')
    for (const folder of ['lists/partial', 'cache/archives/partial', 'etc/apt']) await mkdir(join(state, folder), { recursive: true })
    await writeFile(join(state, 'status'), '')
    await writeFile(join(state, 'etc/apt/sources.list'), `deb [trusted=yes] copy:${join(built.dir, 'apt')} ./\n`)
    await writeFile(join(state, 'apt.conf'), `Dir::Etc "${state}/etc/apt"; Dir::State "${state}"; Dir::State::status "${state}/status"; Dir::State::lists "${state}/lists"; Dir::Cache "${state}/cache"; APT::Architecture "amd64"; APT::Sandbox::User "root";\n`)
    const apt = async (...args: [string, ...string[]]): Promise<string> => (await exec(['apt-get', '-q', ...args], { env: { APT_CONFIG: join(state, 'apt.conf') }, cwd: state })).stdout
    await apt('update')
    await apt('download', 'jool-tools')
    expect(await readdir(state)).toContain('jool-tools_4.1.13+forge1-1_amd64.deb')
    expect(await readFile(join(built.dir, 'apt/Release'), 'utf8')).toContain('Date: Thu, 01 Jan 2026 00:00:00 +0000\n')
  })

  test('a missing module is an error that names it', async () => {
    const without = { ...before, modules: { ...before.modules, modules: before.modules.modules.filter(({ name }) => name !== 'jool_siit') } }
    await expect(build(plansFor(kernel56), without, join(dir, 'no-module'))).rejects.toMatchObject({ code: 'E_PACKAGE', message: 'the modules stage made no jool_siit.ko' })
  })

  test('an incomplete tools tree is an error that names what is missing', async () => {
    const { source } = await madeUpArtifacts(join(dir, 'incomplete'))
    await rm(join(source.dir, 'tools/usr/bin/joold'))
    await expect(build(plansFor(kernel56), { ...before, source }, join(dir, 'no-joold'))).rejects.toMatchObject({
      code: 'E_PACKAGE', message: 'jool-tools: the tools\' tree has 2 of 3 files usr/bin/(jool|jool_siit|joold)',
    })
  })

  test('a package that lintian objects to is not published', async () => {
    const plan = plansFor(kernel56)
    const broken = { ...plan, packages: plan.packages.map((one) => ({ ...one, control: one.control.replace(/^Section: .*\n/m, '') })) }
    await expect(build(broken, before, join(dir, 'lint'))).rejects.toMatchObject({ code: 'E_PACKAGE' })
  })

  describe.skipIf(!needsTools('gpg', 'gpgv', 'bwrap'))('with a signing key', () => {
    let keyFile: string
    let fingerprint: string
    beforeAll(async () => {
      ({ keyFile, fingerprint } = await makeSigningKey(dir, epoch - 1000))
    })
    const signed = (): DebsPlan => ({ ...plansFor(kernel56), signing: { keyFile, fingerprint } })

    test('resolving reads the fingerprint', async () => {
      const workDir = join(dir, 'resolve')
      await mkdir(workDir)
      const input = { target: { name: 'test', suite: 'bookworm', architecture: 'amd64' }, spec: debs.spec.parse({ signing: { key: 'key.asc' } }), before: undefined } as const
      const deps = { exec, log: silentLog, workDir, targetDir: dir } as Parameters<typeof debs.resolve>[1]
      expect(await debs.resolve(input, deps)).toEqual({ signing: { keyFile, fingerprint } })
    })

    test('the repository verifies with the published key, twice the same bytes, and the secret key is nowhere', async () => {
      const one = await build(signed(), before, join(dir, 'signed-1'))
      const again = join(dir, 'signed-again')
      await mkdir(again)
      await writeRepository(signed(), one.packages.map(({ file }) => join(one.dir, file)), again, exec)
      expect(await digests(again)).toEqual(await digests(join(one.dir, 'apt')))
      expect(one.keyring).toBe('apt/nat64-forge-archive-keyring.gpg')
      const keyring = join(one.dir, 'apt/nat64-forge-archive-keyring.gpg')
      output('gpgv', '--quiet', '--keyring', keyring, join(one.dir, 'apt/Release.gpg'), join(one.dir, 'apt/Release'))
      output('gpgv', '--quiet', '--keyring', keyring, join(one.dir, 'apt/InRelease'))
      expect(output('gpg', '--homedir', join(dir, 'g'), '--list-packets', keyring)).not.toContain('secret')
      expect((await readdir(join(dir, 'signed-1/work'))).filter((name) => name.startsWith('gpg-'))).toEqual([])
    })

    test('another key than the locked one is refused', async () => {
      await expect(signRelease({ keyFile, fingerprint: 'A'.repeat(40) }, epoch, { aptDir: dir, keyring: 'other.gpg' }, exec))
        .rejects.toMatchObject({ code: 'E_TARGET', message: `the signing key is ${fingerprint}, the lock names ${'A'.repeat(40)}` })
    })
  })
})
