import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { checksumFiles, type RouterImage } from '../inspect/artifact.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { chunksOf } from './new-file.ts'

type OpenIso = NonNullable<RouterImage['iso']>
export type Algorithm = (typeof checksumFiles)[number][1]

/** Lists of checksums that an ISO has. */
export function checksumListsOf(iso: OpenIso): (typeof checksumFiles)[number][] {
  return checksumFiles.filter(([path]) => iso.file(path))
}

/** A line of a list, with the file's path on the ISO; undefined for what is none. */
function lineOf(text: string): { digest: string; between: string; name: string; path: string } | undefined {
  const [, digest, between = '', name = ''] = /^([0-9a-f]{32,128})( [ *](?:\.\/)?)(.+)$/.exec(text) ?? []
  return digest === undefined ? undefined : { digest, between, name, path: posix.normalize(name).replace(/^\//, '') }
}

/** A list with the checksums of other files made anew, and those of new files added, written as the others are. */
export async function refreshedList(list: string, text: string, files: readonly string[], iso: OpenIso, digestOf: (path: string) => Promise<string | undefined>): Promise<string> {
  const lines: string[] = []
  let form = '  ./'
  const listed = new Set<string>()
  for (const line of text.split('\n')) {
    const { between = '', name = '', path = '' } = lineOf(line) ?? {}
    if (path !== '') form = between
    listed.add(path)
    const digest = path === '' || path === list ? undefined : await digestOf(path)
    lines.push(digest === undefined ? line : `${digest}${between}${name}`)
  }
  const added = files.filter((path) => !listed.has(path) && !iso.file(path))
  const end = text.endsWith('\n') ? lines.length - 1 : lines.length
  lines.splice(end, 0, ...await Promise.all(added.map(async (path) => `${await digestOf(path) ?? ''}${form}${path}`)))
  return lines.join('\n')
}

/** Of a file of an ISO, each digest in hexadecimal. */
export async function digestsOnIso<One extends string>(iso: OpenIso, path: string, algorithms: readonly One[]): Promise<ReadonlyMap<One, string> | undefined> {
  const entry = iso.file(path)
  if (!entry) return undefined
  const hashes = algorithms.map((algorithm) => [algorithm, createHash(algorithm)] as const)
  for await (const chunk of chunksOf([iso.open(entry)])) for (const [, hash] of hashes) hash.update(chunk)
  return new Map(hashes.map(([algorithm, hash]) => [algorithm, hash.digest('hex')]))
}

interface Written {
  /** The ISO that it was made of. */
  before: OpenIso
  /** What the injection has put on the ISO: its lines must be right. */
  replaced: ReadonlySet<string>
  /** Of files that were held against what they should be, byte by byte: their digests. */
  known: ReadonlyMap<string, ReadonlyMap<Algorithm, string>>
}

/**
 * Reads every file that a list of a written ISO names, and holds it against its line. Resolves to a sentence for each list that was wrong before
 * and is still: it is the ISO's own.
 * @throws ForgeError E_INJECT when the line of a file is wrong that was put there
 */
export async function verifyLists(iso: OpenIso, { before, replaced, known }: Written): Promise<string[]> {
  const lines: { list: string; algorithm: Algorithm; digest: string; path: string }[] = []
  for (const [list, algorithm] of checksumListsOf(iso)) {
    for (const line of ((await iso.file9660(list))?.toString('utf8') ?? '').split('\n')) {
      const found = lineOf(line)
      if (found) lines.push({ list, algorithm, digest: found.digest, path: found.path })
    }
  }
  const stale = new Map<string, string[]>()
  for (const path of new Set(lines.map((line) => line.path))) {
    const own = lines.filter((line) => line.path === path)
    const digests = known.get(path) ?? await digestsOnIso(iso, path, [...new Set(own.map(({ algorithm }) => algorithm))])
    for (const { list, algorithm, digest } of own) {
      if (digests?.get(algorithm) === digest) continue
      // Lists that name themselves or each other cannot be right.
      const mustBe = replaced.has(path) && (!checksumFiles.some(([name]) => name === path) || await wasRight(before, { list, algorithm, path }))
      if (mustBe) throw new ForgeError('E_INJECT', `the new ISO is not as it should be: ${path} has another ${algorithm} sum than ${list} says`, { hint: 'the disk it was written to may be faulty: name a file on another one; if that does not help, report it' })
      stale.set(list, [...stale.get(list) ?? [], path])
    }
  }
  return [...stale].map(([list, paths]) => `${list} on the ISO was wrong before, and is still, about ${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ` and ${String(paths.length - 3)} more` : ''}: not there, or with another sum. An installer that goes by it, as VyOS's does, refuses such an ISO`)
}

async function wasRight(iso: OpenIso, { list, algorithm, path }: { list: string; algorithm: Algorithm; path: string }): Promise<boolean> {
  const text = (await iso.file9660(list))?.toString('utf8') ?? ''
  const digest = text.split('\n').map(lineOf).find((line) => line?.path === path)?.digest
  return digest !== undefined && (await digestsOnIso(iso, path, [algorithm]))?.get(algorithm) === digest
}
