import { describe, expect, test } from 'vitest'
import { newManifest } from '../../../../images/inject/new-manifest.ts'
import { pseudoFile } from '../../../../images/inject/new-squashfs.ts'
import { heldPackages, packageList, refusalOf, unmetRelations, withoutHolds } from '../../../../images/inject/packages.ts'
import { whatWasLeftOut } from '../../../../images/inject/unpacked-root.ts'
import { parseManifest, type InjectManifest } from '../../../../images/inspect/artifact.ts'

const [one, two, three] = ['1', '2', '3'].map((digit) => digit.repeat(64)) as [string, string, string]
const source: InjectManifest['source'] = { iso: { sha256: one, sizeBytes: 10 }, squashfs: { path: 'live/filesystem.squashfs', sha256: two, sizeBytes: 5 } }
const pkg = (name: string, version = '1', sha256 = one): InjectManifest['packages'][number] & { kernel: undefined } => ({ name, version, architecture: 'amd64', sha256, kernel: undefined })
const bare = ({ name, version, architecture, sha256 }: ReturnType<typeof pkg>): InjectManifest['packages'][number] => ({ name, version, architecture, sha256 })
const first = { old: undefined, source, toolVersion: '0.1.0', installed: [pkg('b')], offered: [pkg('b'), pkg('unused')], present: [pkg('a'), pkg('b')], removed: [{ name: 'gone', version: '9' }], script: undefined, kernel: undefined }

describe('the manifest of an injection', () => {
  const manifest = newManifest(first)

  test('has what was installed, what went, and where it came from', () => {
    expect(manifest).toEqual({ format: 1, tool: { name: 'nat64-forge', version: '0.1.0' }, source, packages: [bare(pkg('b'))], removed: [{ name: 'gone', version: '9' }], scripts: [] })
  })

  test('is brought up to date by the next one, which keeps the first source', () => {
    const other = { iso: { sha256: three, sizeBytes: 11 }, squashfs: source.squashfs }
    const next = newManifest({ ...first, old: manifest, source: other, installed: [pkg('c')], offered: [pkg('c', '1', two)], present: [pkg('a'), pkg('b:amd64'), pkg('c')], removed: [{ name: 'a2', version: '3' }], script: three })
    expect(next).toMatchObject({ source, packages: [bare(pkg('b')), bare(pkg('c', '1', two))], removed: [{ name: 'a2', version: '3' }, { name: 'gone', version: '9' }], scripts: [three] })
    // The same once more says the same.
    expect(newManifest({ ...first, old: next, source: other, installed: [pkg('c')], offered: [pkg('c', '1', two)], present: [pkg('b'), pkg('c')], removed: [], script: three })).toEqual(next)
  })

  test('forgets what came by an injection and went by another, and what came back', () => {
    const next = newManifest({ ...first, old: manifest, installed: [pkg('d'), pkg('gone', '10')], offered: [pkg('d'), pkg('gone', '10')], present: [pkg('d'), pkg('gone', '10')], removed: [{ name: 'b', version: '1' }] })
    expect(next.packages.map(({ name }) => name)).toEqual(['d', 'gone'])
    expect(next.removed).toEqual([])
  })

  test('names every kernel that was replaced', () => {
    const replaced = newManifest({ ...first, kernel: { release: '6.2', replaced: ['6.1'] } })
    expect(replaced.kernel).toEqual({ release: '6.2', replaced: ['6.1'] })
    expect(newManifest({ ...first, old: replaced, kernel: { release: '6.3', replaced: ['6.2'] } }).kernel).toEqual({ release: '6.3', replaced: ['6.1', '6.2'] })
    expect(newManifest({ ...first, old: replaced }).kernel).toEqual(replaced.kernel)
  })

  test('is read back as it was written, and what is none is not taken for one', () => {
    const text = JSON.stringify(manifest)
    expect(parseManifest(Buffer.from(text))).toEqual(manifest)
    for (const wrong of ['', '{', 'null', '[]', '{"format": 2}', text.replace('"format":1', '"format":2'), text.replace(one, 'x'), text.replace('"packages":[', '"packages":[7,'), text.replace('"scripts":[]', '"scripts":["x"]')]) {
      expect(parseManifest(Buffer.from(wrong)), wrong).toBeUndefined()
    }
  })
})

describe('what apt says is missing', () => {
  test('is one sentence for each relation, with alternatives and versions', () => {
    expect(unmetRelations([
      'Reading package lists...', 'The following packages have unmet dependencies:', ' wants : Depends: needed (>= 2) but it is not installable', '         Depends: tool (>= 9) but 2.0 is to be installed',
      ' other : PreDepends: one but it is not installable or', '                     two but it is not going to be installed', 'E: Unable to correct problems, you have held broken packages.',
    ])).toEqual([
      'wants depends on needed (>= 2) but it is not installable', 'wants depends on tool (>= 9) but 2.0 is to be installed',
      'other depends on one but it is not installable or', 'other depends on two but it is not going to be installed',
    ])
  })

  test('is nothing when apt failed for another reason', () => {
    expect(unmetRelations(['Setting up x (1) ...', 'dpkg: error processing package x (--configure):'])).toEqual([])
  })
})

describe('what is on hold in an image', () => {
  const status = 'Package: aa\nStatus: hold ok installed\n\nPackage: linux-image-amd64\nStatus: hold ok installed\nDepends: x, linux-image-6.1 (= 1) | y\n\nPackage: meta\nStatus: hold ok installed\nPre-Depends: linux-image-amd64:amd64\n\nPackage: other\nStatus: hold ok installed\nDepends: linux-image-6.10\n'

  test('is not for apt where it is given, and where it depends on a kernel that goes', () => {
    const held = (text: string): string[] => heldPackages(text)
    expect(held(status)).toEqual(['aa', 'linux-image-amd64', 'meta', 'other'])
    expect(held(withoutHolds(status, ['aa'], []))).toEqual(['linux-image-amd64', 'meta', 'other'])
    expect(held(withoutHolds(status, [], ['linux-image-6.1']))).toEqual(['aa', 'other'])
    expect(withoutHolds(status, [], [])).toBe(status)
    expect(withoutHolds(status, ['aa'], [])).toBe(status.replace('hold', 'install'))
  })

  test('is named where it stands in the way, and what is only missing is not called held', () => {
    const conflict = ['The following packages have unmet dependencies:', ' rival : Conflicts: heldtool but 1 is to be installed', 'E: Unable to correct problems, you have held broken packages.']
    expect(refusalOf(conflict, ['heldtool'])).toEqual({ message: 'the packages cannot be beside what stays in the image: rival conflicts with heldtool but 1 is to be installed', hint: expect.stringMatching(/^heldtool on hold in the image/) as string })
    expect(refusalOf(conflict, ['rest'])?.hint).toMatch(/^two of the given packages exclude each other, or the image protects/)
    const changed = ['The following held packages will be changed:', '  heldtool (1 => 2)', '0 upgraded', 'E: Held packages were changed and -y was used without --allow-change-held-packages.']
    expect(refusalOf(changed, ['heldtool'])).toEqual({ message: 'the packages need another version of what is on hold in the image: heldtool (1 => 2)', hint: 'give these packages by name too: what is given is installed, also where it is on hold' })
    expect(refusalOf(['The following packages have unmet dependencies:', ' wants : Depends: needed but it is not installable'], [])?.message).toBe('the image lacks what the packages need: wants depends on needed but it is not installable')
    expect(refusalOf(['dpkg: error processing package x'], ['x'])).toBeUndefined()
  })
})

describe('a list of packages beside the root', () => {
  const packages = [{ name: 'libfoo', listed: 'libfoo:amd64', version: '1' }, { name: 'tool', listed: 'tool', version: '2' }]

  test('has names as the old one has them', () => {
    expect(packageList('libfoo:amd64\t0\n', packages)).toBe('libfoo:amd64\t1\ntool\t2\n')
    expect(packageList('tool\t1\n', packages)).toBe('libfoo:amd64\t1\ntool\t2\n')
    expect(packageList('libfoo\t0\n', packages)).toBe('libfoo\t1\ntool\t2\n')
  })
})

describe('a root that an ordinary user unpacks', () => {
  test('lacks what unsquashfs says that it cannot do: device nodes, and other owners', () => {
    expect(whatWasLeftOut([
      'create_inode: failed to create character device lower/dev/console, because Operation not permitted', 'create_inode: failed to create block device lower/dev/a, because b, because Operation not permitted',
      'set_attributes: failed to change uid and gids on lower/etc/shadow, because Invalid argument', 'create_inode: failed to change uid and gids on lower/var/l\u00efnk, because Invalid argument', '',
    ])).toEqual({ devices: ['dev/console', 'dev/a, because b'], foreign: ['etc/shadow', 'var/l\u00c3\u00afnk'], other: undefined })
  })

  test.each(['write_file: failed to create file lower/a, because Permission denied', 'set_attributes: failed to change uid and gids on lower, because Invalid argument', 'anything else', 'create_inode: failed to create character device elsewhere/x, because Operation not permitted'])('is not whole when it says %j', (line) => {
    expect(whatWasLeftOut([line])).toEqual({ devices: [], foreign: [], other: line })
  })

  test('gives folders back to their owners, whatever they are called', () => {
    expect(pseudoFile([{ path: 'var/mail', mode: 0o2775, uid: 0, gid: 8 }, { path: 'a b/c"d\\e', mode: 0o755, uid: 5, gid: 6 }])).toBe('var/mail m 2775 0 8\na\\ b/c\\"d\\\\e m 755 5 6\n')
  })
})
