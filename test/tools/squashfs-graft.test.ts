import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { createExec, type Argv } from '../../scripts/lib/exec.ts'
import { describeError } from '../../scripts/lib/describe-error.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { randomNumbers, randomTree } from '../support/random-tree.ts'
import { rejection } from '../support/rejection.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'
import { writeGraft } from '../support/write-graft.ts'

const exec = createExec({ log: silentLog })
const listTree = fileURLToPath(new URL('../support/list-tree.py', import.meta.url))
const tools = needsTools('mksquashfs', 'unsquashfs', 'xz', 'zstd', '/usr/bin/python3', 'openssl') && process.getuid?.() === 0
/** `NAT64_FORGE_SEEDS=17-17` looks at one again. */
const [first = 1, last = process.env['NAT64_FORGE_FULL'] === '1' ? 300 : 12] = process.env['NAT64_FORGE_SEEDS']?.split('-').map(Number) ?? []
/** Left once with more fragment blocks than inodes. */
const once = 234
const seeds = [...Array.from({ length: last - first + 1 }, (_, index) => first + index), ...last === 12 ? [once] : []]
const compressors = ['gzip', 'xz', 'zstd', 'lz4', 'lzo', 'lzma']

const grafted = (old: string, difference: string, to: string, workDir: string): Promise<number> => writeGraft({ old, difference, to, workDir, exec })

async function unpacked(image: string, to: string): Promise<string> {
  await exec(['unsquashfs', '-quiet', '-no-progress', '-dest', to, image])
  return (await exec(['/usr/bin/python3', listTree, to])).stdout
}

/** What is right is what the kernel's overlayfs shows, packed anew by mksquashfs. */
async function isWhatOverlayfsShows(seed: number): Promise<void> {
  const dir = await temporaryFolder()
  const { of, chance } = randomNumbers(seed * 7919)
  const compressor = compressors[seed % compressors.length] ?? 'gzip'
  const options = ['-comp', compressor, '-b', of(['4K', '16K', '128K', '1M']), ...chance(0.3) ? ['-no-fragments'] : chance(0.4) ? ['-always-use-fragments'] : [], ...chance(0.3) ? ['-no-exports'] : [], ...chance(0.2) ? ['-no-duplicates'] : [], ...chance(0.2) ? ['-noI'] : []]
  const { make, change } = randomTree(seed)
  const pack = (tree: string, image: string): string => `mksquashfs ${tree} ${image} ${options.join(' ')} -noappend -no-progress -quiet`
  await writeFile(join(dir, 'make.sh'), [
    'set -e', 'mkdir lower upper work merged out', '(cd lower', ...make, ')', 'touch --date=@1650000000 lower', pack('lower', 'old.squashfs'),
    'chmod --reference=lower upper; touch --reference=lower upper',
    'mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work,redirect_dir=off,metacopy=off,index=off merged',
    '(cd merged', ...change, ')', pack('upper', 'difference.squashfs'), pack('merged', 'repacked.squashfs'), '',
  ].join('\n'))
  await exec(['bash', 'make.sh'], { cwd: dir, contained: true })
  const file = (name: string): string => join(dir, name)
  await grafted(file('old.squashfs'), file('difference.squashfs'), file('grafted.squashfs'), file('out'))
  const [ours, theirs] = [await unpacked(file('grafted.squashfs'), file('ours')), await unpacked(file('repacked.squashfs'), file('theirs'))]
  expect(ours, `seed ${String(seed)}: ${options.join(' ')}`).toBe(theirs)
  // The kernel is stricter than unsquashfs; it knows no lzma.
  if (compressor !== 'lzma') {
    const { stdout } = await exec(['bash', '-c', 'mkdir m && mount -t squashfs -o ro,loop grafted.squashfs m && /usr/bin/python3 "$0" m', listTree], { cwd: dir, contained: true })
    expect(stdout, `mounted, seed ${String(seed)}: ${options.join(' ')}`).toBe(theirs)
  }
  // Three hundred of them are tens of gigabytes.
  await rm(dir, { recursive: true })
}

describe.skipIf(!tools)('an image with a difference grafted on', () => {
  test(`is what overlayfs shows of the two, for ${String(seeds.length)} random trees`, { timeout: 60 * 60_000 }, async () => {
    for (const seed of seeds) {
      await isWhatOverlayfsShows(seed).catch((error: unknown) => { throw error instanceof ForgeError ? new Error(`seed ${String(seed)}: ${describeError(error)}`, { cause: error }) : error })
    }
  })

  test('ten times in a row is still right, and two times the same gives the same bytes', { timeout: 10 * 60_000 }, async () => {
    const dir = await temporaryFolder()
    const file = (name: string): string => join(dir, name)
    await mkdir(file('tree/keep'), { recursive: true })
    for (let index = 0; index < 50; index += 1) await writeFile(file(`tree/keep/${String(index)}`), String(index).repeat(index * 997))
    const pack = async (tree: string, image: string): Promise<unknown> => exec(['mksquashfs', file(tree), file(image), '-comp', 'zstd', '-noappend', '-no-progress', '-quiet'] as unknown as Argv)
    await pack('tree', '0.squashfs')
    await mkdir(file('out'))
    for (let round = 1; round <= 10; round += 1) {
      await mkdir(file(`upper-${String(round)}/keep`), { recursive: true })
      await writeFile(file(`upper-${String(round)}/keep/${String(round)}`), `changed in round ${String(round)}`)
      await writeFile(file(`upper-${String(round)}/new-${String(round)}`), 'x'.repeat(round * 10_000))
      await pack(`upper-${String(round)}`, 'difference.squashfs')
      await grafted(file(`${String(round - 1)}.squashfs`), file('difference.squashfs'), file(`${String(round)}.squashfs`), file('out'))
    }
    await grafted(file('9.squashfs'), file('difference.squashfs'), file('again.squashfs'), file('out'))
    await exec(['cmp', file('again.squashfs'), file('10.squashfs')])
    await exec(['unsquashfs', '-quiet', '-no-progress', '-dest', file('all'), file('10.squashfs')])
    const { stdout } = await exec(['bash', '-c', 'cat keep/[1-9] keep/10 && wc -c keep/11 keep/49 new-* | tail -1'], { cwd: file('all') })
    expect(stdout).toBe(`${Array.from({ length: 10 }, (_, index) => `changed in round ${String(index < 9 ? index + 1 : 10)}`).join('')}${String(2 * 11 * 997 + 2 * 49 * 997 + 550_000)} total\n`)
  })

  test('of xz with a larger dictionary than the image\'s own is refused: kernels set aside what the image says', async () => {
    const dir = await temporaryFolder()
    const file = (name: string): string => join(dir, name)
    await mkdir(file('tree'))
    await mkdir(file('out'))
    await writeFile(file('tree/file'), 'content')
    await exec(['bash', '-c', [
      'm() { mksquashfs tree $1 -noappend -no-progress -quiet -comp xz -b 64K "${@:2}"; }', 'm old -Xdict-size 32K', 'm whole', 'm larger -Xdict-size 48K', 'm same -Xdict-size 32K', 'm smaller -Xdict-size 16K',
    ].join('\n')], { cwd: dir })
    for (const [name, bytes] of [['whole', 65536], ['larger', 49152]] as const) {
      expect(await rejection(grafted(file('old'), file(name), file('new'), file('out')))).toMatchObject({ code: 'E_OVERLAY', message: expect.stringMatching(new RegExp(`dictionary size ${String(bytes)}, and .*old has 32768`)) as string })
    }
    // The default is a block's size; what needs no more than the image says is taken.
    for (const [old, name] of [['old', 'same'], ['old', 'smaller'], ['whole', 'larger']] as const) await grafted(file(old), file(name), file(`${old}-${name}`), file('out'))
  })

  test('of another compressor or block size is refused, and one with notes that point elsewhere', async () => {
    const dir = await temporaryFolder()
    const file = (name: string): string => join(dir, name)
    await mkdir(file('tree/folder'), { recursive: true })
    await mkdir(file('out'))
    await exec(['bash', '-c', [
      'm() { mksquashfs tree $1 -noappend -no-progress -quiet "${@:2}"; }', 'm old -comp gzip -b 128K', 'm xz -comp xz -b 128K', 'm small -comp gzip -b 64K',
      'python3 -c \'import os; os.setxattr("tree/folder", "trusted.overlay.redirect", b"/elsewhere")\'', 'm redirected -comp gzip -b 128K',
    ].join('\n')], { cwd: dir })
    for (const [name, message] of [['xz', /compressor xz, and .*old has gzip/], ['small', /block size 65536, and .*old has 131072/], ['redirected', /has a folder with the attribute overlay\.redirect/]] as const) {
      expect(await rejection(grafted(file('old'), file(name), file('new'), file('out')))).toMatchObject({ code: 'E_OVERLAY', message: expect.stringMatching(message) })
    }
  })
})
