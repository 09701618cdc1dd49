import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { UnpackDeps } from '../../scripts/formats/unpack-frames.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { extractDeb } from '../../scripts/lib/extract-deb.ts'
import { moduleFile, unpackModules, type ModuleFile } from './module-files.ts'
import type { GivenModule } from './module-verdict.ts'

const packageLimits = { maxBytes: 512 * 1048576, maxEntries: 20_000 }

/**
 * The modules in files that a person named: `.ko`, with or without `.xz`, `.zst` or `.gz`, and packages that hold such.
 * @throws ForgeError E_USAGE for other files, E_DEB for a damaged package, E_ARCHIVE for a hostile one, E_ELF for one that does not unpack
 */
export async function readGivenModules(paths: readonly string[], deps: UnpackDeps): Promise<GivenModule[]> {
  const found: { file: ModuleFile; bytes: Buffer; shown: string }[] = []
  for (const path of paths) {
    if (path.endsWith('.deb')) found.push(...await fromPackage(path, deps))
    else found.push({ file: asModule(path), bytes: await contentsOf(path), shown: path })
  }
  const unpacked = await unpackModules(found, deps)
  return found.map(({ shown }, index) => ({ file: shown, bytes: unpacked[index] ?? Buffer.alloc(0) }))
}

async function fromPackage(path: string, deps: UnpackDeps): Promise<{ file: ModuleFile; bytes: Buffer; shown: string }[]> {
  await requireFile(path)
  const dir = await mkdtemp(join(deps.workDir, 'deb-'))
  try {
    await extractDeb(path, join(dir, 'root'), { exec: deps.exec, workDir: dir }, { limits: packageLimits, only: ['lib/modules', 'usr/lib/modules'], errorCode: 'E_DEB' })
    const entries = await readdir(join(dir, 'root'), { recursive: true, withFileTypes: true })
    const modules = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).filter((file) => moduleFile(file)).sort()
    if (modules.length === 0) throw new ForgeError('E_USAGE', `${path} has no kernel modules`, { hint: 'give the package that has them: jool-modules-…' })
    return await Promise.all(modules.map(async (file) => ({ file: asModule(file), bytes: await readFile(file), shown: `${path}:${relative(join(dir, 'root'), file)}` })))
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

function asModule(path: string): ModuleFile {
  const file = moduleFile(path)
  if (!file) throw new ForgeError('E_USAGE', `${path} is not named like a kernel module or a package`, { hint: 'give files ending in .ko, .ko.xz, .ko.zst, .ko.gz or .deb' })
  return file
}

/** A pipe would be waited for without an end, and a signal does not end that. @throws ForgeError E_USAGE */
async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => { throw new ForgeError('E_USAGE', `${path} cannot be read`, { hint: 'check the path', cause }) })
  if (!found.isFile()) throw new ForgeError('E_USAGE', `${path} is not a file`, { hint: 'give modules or packages' })
  if (found.size > packageLimits.maxBytes) throw new ForgeError('E_USAGE', `${path} has ${String(found.size)} bytes, more than any module or package with modules`, { hint: 'give modules or packages' })
}

async function contentsOf(path: string): Promise<Buffer> {
  await requireFile(path)
  return readFile(path).catch((cause: unknown) => { throw new ForgeError('E_USAGE', `${path} cannot be read`, { hint: 'check the path', cause }) })
}
