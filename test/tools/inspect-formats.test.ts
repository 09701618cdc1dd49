import { lstat, mkdir, open, readdir, readFile, symlink, writeFile, chmod, link } from 'node:fs/promises'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { openByteSource } from '../../scripts/formats/byte-source.ts'
import { readIso9660 } from '../../scripts/formats/iso9660.ts'
import type { FileInode, Inode } from '../../scripts/formats/squashfs/inode.ts'
import { openSquashfs, type Squashfs } from '../../scripts/formats/squashfs/squashfs.ts'
import { compressors } from '../../scripts/formats/squashfs/superblock.ts'
import { readModuleSignature } from '../../scripts/formats/module-signature.ts'
import { parseCertificate } from '../../scripts/formats/x509.ts'
import { createExec, type Argv } from '../../scripts/lib/exec.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { judgeModule, type LoadContext } from '../../images/inspect/module-verdict.ts'
import { elfObject } from '../support/elf-object.ts'
import { keyPair, signedModule } from '../support/signed-module.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const squashfsTools = ['mksquashfs', 'unsquashfs', 'xz', 'zstd', 'prlimit']

/** Everything that a root file system has, small. */
async function sampleTree(dir: string): Promise<string> {
  const tree = join(dir, 'tree')
  await mkdir(join(tree, 'etc/deep/er'), { recursive: true })
  await mkdir(join(tree, 'many'))
  await mkdir(join(tree, 'empty'), { recursive: true })
  for (let index = 0; index < 700; index += 1) await writeFile(join(tree, 'many', `file-with-a-name-of-some-length-${String(index)}`), `${String(index)}\n`)
  await writeFile(join(tree, 'nothing'), '')
  await writeFile(join(tree, 'random'), randomBytes(300_000))
  await writeFile(join(tree, 'text'), 'all work and no play\n'.repeat(40_000))
  await writeFile(join(tree, 'etc/deep/er/ünï'), 'ü\n')
  await writeFile(join(tree, 'setuid'), 'x'.repeat(5000))
  await chmod(join(tree, 'setuid'), 0o4755)
  await symlink('etc/deep/../deep/er/ünï', join(tree, 'link'))
  await link(join(tree, 'text'), join(tree, 'hard'))
  await exec(['mkfifo', join(tree, 'fifo')])
  await using sparse = await open(join(tree, 'sparse'), 'w')
  await sparse.truncate(400_000)
  await sparse.write('end', 400_000)
  return tree
}

/** Depth first, as `unsquashfs` lists. */
function* walk(squashfs: Squashfs, inode: Inode = squashfs.root, path = ''): Generator<[string, Inode]> {
  yield [path, inode]
  if (inode.kind === 'directory') for (const [name, reference] of squashfs.entries(inode)) yield* walk(squashfs, squashfs.inode(reference), `${path}/${name}`)
}

const letters: Readonly<Record<Inode['kind'], string>> = { directory: 'd', file: '-', symlink: 'l', 'block-device': 'b', 'character-device': 'c', fifo: 'p', socket: 's' }

/** The line of `unsquashfs -lln` without size and date: those of folders are its own. */
function listed(squashfs: Squashfs, path: string, inode: Inode): string {
  const bits = inode.mode.toString(8).padStart(4, '0').slice(1).split('').flatMap((digit) => ['r', 'w', 'x'].map((letter, index) => (Number(digit) & (4 >> index)) === 0 ? '-' : letter))
  if ((inode.mode & 0o4000) !== 0) bits[2] = 's'
  return `${letters[inode.kind]}${bits.join('')} ${String(squashfs.owner(inode.uidIndex))}/${String(squashfs.owner(inode.gidIndex))} squashfs-root${path}${inode.kind === 'symlink' ? ` -> ${inode.target}` : ''}`
}

describe.skipIf(!needsTools(...squashfsTools))('mksquashfs, unsquashfs and our reader agree', () => {
  test.each(compressors.map((name) => [name]))('on an image compressed with %s', async (compressor) => {
    const dir = await temporaryFolder()
    const tree = await sampleTree(dir)
    const file = join(dir, 'image.squashfs')
    const options = compressor === 'xz' ? ['-Xbcj', 'x86'] : compressor === 'gzip' || compressor === 'zstd' ? ['-Xcompression-level', '5'] : []
    await exec(['mksquashfs', tree, file, '-comp', compressor, ...options, '-b', '64K', '-noappend', '-no-progress', '-quiet', '-p', 'device c 600 7 8 5 1'] as unknown as Argv)
    await using source = await openByteSource(file)
    const squashfs = await openSquashfs(source, { exec, workDir: dir })
    expect(squashfs.superblock).toMatchObject({ compressor, blockSizeBytes: 65536 })
    if (options.length > 0) expect(squashfs.compressorOptions).toContain(options.join(' '))

    const { stdout } = await exec(['unsquashfs', '-lln', file])
    const theirs = stdout.split('\n').filter((line) => /^[-dlcbps][rwxsSt-]{9} /.test(line)).map((line) => line.replace(/^(\S+ \S+) +\S+ +(?:\d+ +)?\d{4}-\d\d-\d\d \d\d:\d\d (.*)$/, '$1 $2'))
    const ours = [...walk(squashfs)].map(([path, inode]) => listed(squashfs, path, inode))
    expect(ours.map((line) => line.replace(/ squashfs-root$/, ' squashfs-root')).sort()).toEqual(theirs.sort())

    const files = [...walk(squashfs)].filter((found): found is [string, FileInode] => found[1].kind === 'file')
    const contents = await squashfs.read(files.map(([, inode]) => inode))
    expect(files).toHaveLength(707)
    for (const [index, [path]] of files.entries()) expect(contents[index]?.equals(await readFile(join(tree, path))), path).toBe(true)
    for (const [path, inode] of walk(squashfs)) if (inode.kind !== 'character-device') expect(inode.mtime, path).toBe(Math.floor((await lstat(join(tree, path))).mtimeMs / 1000))
    // Nothing of the work is left beside the image.
    expect((await readdir(dir)).sort()).toEqual(['image.squashfs', 'tree'])
  })

  test.each<[string, readonly string[]]>([
    ['nothing compressed', ['-noI', '-noD', '-noF', '-noX']], ['fragments always', ['-always-use-fragments', '-comp', 'xz', '-b', '256k']], ['no fragments', ['-no-fragments']], ['no export table', ['-no-exports']], ['the smallest blocks', ['-b', '4096', '-comp', 'zstd']],
  ])('on an image with %s', async (_what, options) => {
    const dir = await temporaryFolder()
    const tree = await sampleTree(dir)
    const file = join(dir, 'image.squashfs')
    await exec(['mksquashfs', tree, file, ...options, '-noappend', '-no-progress', '-quiet'] as unknown as Argv)
    await using source = await openByteSource(file)
    const squashfs = await openSquashfs(source, { exec, workDir: dir })
    const files = [...walk(squashfs)].filter((found): found is [string, FileInode] => found[1].kind === 'file')
    const contents = await squashfs.read(files.map(([, inode]) => inode))
    for (const [index, [path]] of files.entries()) expect(contents[index]?.equals(await readFile(join(tree, path))), path).toBe(true)
    expect(files).toHaveLength(707)
  })

  // Whatever the damage, it ends in an error of ours: no crash, no hang, nothing left in the work folder.
  test.each([['gzip'], ['xz'], ['zstd'], ['lz4'], ['lzo']])('damaged images end in an error or in bytes, compressed with %s', async (compressor) => {
    const dir = await temporaryFolder()
    const tree = join(dir, 'tree')
    await mkdir(tree)
    for (let index = 0; index < 20; index += 1) await writeFile(join(tree, String(index)), `${String(index)}\n`.repeat(3000))
    const file = join(dir, 'image.squashfs')
    await exec(['mksquashfs', tree, file, '-comp', compressor, '-b', '16K', '-noappend', '-no-progress', '-quiet', '-nopad'])
    const good = await readFile(file)
    const work = join(dir, 'work')
    await mkdir(work)
    let refused = 0
    for (let round = 0; round < 60; round += 1) {
      const bytes = Buffer.from(good)
      // Spread over the whole image, the tables at its end in particular.
      const at = round % 2 === 0 ? Math.floor(good.length * round / 60) : good.length - 1 - round * 7
      bytes[at] = (bytes[at] ?? 0) ^ (round % 3 === 0 ? 0xff : 1 << round % 8)
      const damaged = join(dir, 'damaged.squashfs')
      await writeFile(damaged, bytes)
      await using source = await openByteSource(damaged)
      try {
        const squashfs = await openSquashfs(source, { exec, workDir: work })
        await squashfs.read([...walk(squashfs)].map(([, inode]) => inode).filter((inode): inode is FileInode => inode.kind === 'file' && inode.sizeBytes < 1 << 20))
      } catch (error) {
        if (!(error instanceof ForgeError)) throw error
        refused += 1
        expect(['E_SQUASHFS', 'E_SQUASHFS_COMPRESSOR', 'E_IMAGE_TRUNCATED']).toContain(error.code)
      }
      expect(await readdir(work)).toEqual([])
    }
    expect(refused).toBeGreaterThan(20)
  })
})

describe.skipIf(!needsTools('xorriso'))('xorriso and our reader agree', () => {
  test.each<[string, readonly string[], (path: string) => string]>([
    ['Rock Ridge names', ['-r'], (path) => path],
    ['Rock Ridge and Joliet names', ['-r', '-J', '-joliet-long'], (path) => path],
  ])('on %s', async (_what, options, named) => {
    const dir = await temporaryFolder()
    const tree = join(dir, 'tree')
    const long = `live/${'a-long-name.'.repeat(18)}bin`
    const files: Record<string, Buffer> = { 'live/filesystem.squashfs': randomBytes(10_000), [long]: randomBytes(5), 'boot/grub/x.cfg': Buffer.from('cfg'), 'empty': Buffer.alloc(0), 'ünï': Buffer.from('ü') }
    for (let index = 0; index < 80; index += 1) files[`many/file-number-${String(index)}.txt`] = Buffer.from(String(index))
    for (const [path, bytes] of Object.entries(files)) {
      await mkdir(join(tree, path, '..'), { recursive: true })
      await writeFile(join(tree, path), bytes)
    }
    const file = join(dir, 'x.iso')
    await exec(['xorriso', '-as', 'mkisofs', '-quiet', '-o', file, '-V', 'TEST_VOLUME', ...options, tree] as unknown as Argv)
    await using source = await openByteSource(file)
    const iso = await readIso9660(source)
    expect(iso.volumeId).toBe('TEST_VOLUME')
    expect(iso.entries.filter((entry) => !entry.directory).map((entry) => entry.path).sort()).toEqual(Object.keys(files).map(named).sort())
    for (const [path, bytes] of Object.entries(files)) {
      const entry = iso.file(named(path))!
      expect(await iso.open(entry).read(0, entry.sizeBytes), path).toEqual(bytes)
    }
  })
})

describe.skipIf(!needsTools('openssl'))('a signature made by OpenSSL', () => {
  const module = randomBytes(10_000)

  test.each<[string, readonly string[], Parameters<typeof signedModule>[4]]>([
    ['with RSA and SHA-512', ['rsa:2048'], {}], ['with RSA and SHA-256', ['rsa:2048'], { hash: 'sha256' }],
    ['naming the key instead of the certificate', ['rsa:2048'], { byKeyId: true }], ['with ECDSA', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'], { hash: 'sha384' }],
  ])('%s is verified; one changed byte, and another key, are seen', async (_what, algorithm, options) => {
    const dir = await temporaryFolder()
    const [own, other] = [await keyPair(exec, dir, 'own', algorithm), await keyPair(exec, dir, 'other', algorithm)]
    const [certificate, foreign] = [parseCertificate(own.der), parseCertificate(other.der)]
    const signed = await signedModule(exec, dir, module, own, options)
    const signature = readModuleSignature(signed, 'x.ko')!
    expect({ ...signature, content: signature.content.equals(module) }).toMatchObject({ signer: options?.byKeyId === true ? '' : 'own', hash: options?.hash ?? 'sha512', content: true })
    expect([signature.names(certificate), signature.verify(certificate), signature.names(foreign), signature.verify(foreign)]).toEqual([true, true, false, false])
    for (const at of [0, 5000, module.length - 1]) {
      const changed = Buffer.from(signed)
      changed[at] = changed[at]! ^ 1
      expect(readModuleSignature(changed, 'x.ko')?.verify(certificate), `byte ${String(at)}`).toBe(false)
    }
    const { stdout } = await exec(['openssl', 'x509', '-in', own.certificate, '-noout', '-serial', '-enddate', '-ext', 'subjectKeyIdentifier'])
    const plain = stdout.toLowerCase().replaceAll(':', '')
    expect(certificate.facts).toMatchObject({ subject: 'own', issuer: 'own' })
    expect(plain).toContain(`serial=${certificate.facts.serial.replace(/^00/, '')}`)
    expect(plain).toContain(certificate.facts.subjectKeyId!)
    expect(Date.parse(/notAfter=(.*)/.exec(stdout)![1]!)).toBe(Date.parse(certificate.facts.notAfter))
  })

  test.each([['forced', false, 'is signed over sha384, which this kernel was built without'], ['any', true, ''], ['off', true, '']] as const)(
    'over a digest that the kernel does not have: signatures %s, loads %s', async (signing, loads, message) => {
      const dir = await temporaryFolder()
      const own = await keyPair(exec, dir, 'own')
      const module = elfObject({ info: ['license=GPL v2', 'name=x', 'vermagic=6.6.54-vyos '], symbols: [] })
      const bytes = await signedModule(exec, dir, module, own, { hash: 'sha384' })
      const context: LoadContext = {
        release: '6.6.54-vyos', vermagic: '6.6.54-vyos ', modversions: false, signing, knowsHash: (hash) => hash === 'sha256', certificates: [parseCertificate(own.der)], complete: true, namespacesOptional: false, structBytes: undefined, lockdownUnderSecureBoot: false, exports: new Map(),
      }
      const verdict = judgeModule({ file: 'x.ko', bytes }, context)
      expect(verdict).toMatchObject({ loads, signature: { valid: true } })
      expect(verdict.problems.map((problem) => problem.message).join()).toContain(message)
      expect(judgeModule({ file: 'x.ko', bytes }, { ...context, knowsHash: () => true })).toMatchObject({ loads: true, problems: [], notes: [expect.stringContaining('this kernel compares no CRCs')] })
    })

  test.each([['with signed attributes', { attributes: true }, 'it has signed attributes, which kernels refuse'], ['with what it signs inside', { attached: true }, 'it holds what it signs once more, which kernels refuse']] as const)(
    '%s is refused, as by every kernel that looks at signatures', async (_what, options, message) => {
      const dir = await temporaryFolder()
      const own = await keyPair(exec, dir, 'own')
      const bytes = await signedModule(exec, dir, elfObject({ info: ['license=GPL v2', 'name=x', 'vermagic=6.6.54-vyos '], symbols: [] }), own, options)
      const context: LoadContext = {
        release: '6.6.54-vyos', vermagic: '6.6.54-vyos ', modversions: false, signing: 'any', knowsHash: () => true, certificates: [parseCertificate(own.der)], complete: true, namespacesOptional: false, structBytes: undefined, lockdownUnderSecureBoot: false, exports: new Map(),
      }
      for (const signing of ['any', 'forced'] as const) {
        const { loads, problems } = judgeModule({ file: 'x.ko', bytes }, { ...context, signing })
        expect([loads, problems.map((problem) => [problem.check, problem.message])]).toEqual([false, [['signature', expect.stringContaining(message)]]])
      }
      expect(judgeModule({ file: 'x.ko', bytes }, { ...context, signing: 'off' }).loads).toBe(true)
    })

  test('is never taken for something else, whatever byte of it is changed', async () => {
    const dir = await temporaryFolder()
    const own = await keyPair(exec, dir, 'own')
    const certificate = parseCertificate(own.der)
    const signed = await signedModule(exec, dir, Buffer.from('module'), own)
    let verified = 0
    for (let at = 0; at < signed.length; at += 1) {
      const bytes = Buffer.from(signed)
      bytes[at] = bytes[at]! ^ 0x55
      try {
        if (readModuleSignature(bytes, 'x.ko')?.verify(certificate) === true) verified += 1
      } catch (error) {
        if (!(error instanceof ForgeError)) throw error
        expect(error.code).toBe('E_MODULE_SIGNATURE')
      }
    }
    // A list of algorithms that the signer repeats, and their parameters, are not looked at, by the kernel either.
    expect(verified).toBeLessThan(25)
  })
})
