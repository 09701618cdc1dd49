import { stat } from 'node:fs/promises'
import { z } from 'zod'
import { sha256File } from '../../scripts/lib/digest.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Exec } from '../../scripts/lib/exec.ts'

export const givenFact = z.strictObject({ name: z.string(), version: z.string(), sha256: z.string() })
export type GivenFact = z.infer<typeof givenFact>

export interface GivenPackage extends GivenFact {
  architecture: string
  path: string
}

/** Packages that are of use in a container, of those that a build makes: there is no loading of modules, and no VyOS. */
const useful = ['nat64ctl', 'tayga']

/** @throws ForgeError E_DEB for a damaged package, E_DEB_ARCHITECTURE, E_USAGE for packages that do not go together */
export async function readGiven(paths: readonly string[], exec: Exec): Promise<{ taken: GivenPackage[]; leftOut: string[] }> {
  const read = await Promise.all(paths.map((path) => readPackage(path, exec)))
  const leftOut = read.filter(({ name }) => !useful.includes(name)).map(({ name }) => name).sort()
  const taken = read.filter(({ name }) => useful.includes(name)).sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const [at, { name }] of taken.entries()) {
    if (taken[at + 1]?.name === name) throw new ForgeError('E_USAGE', `${name} was given twice`, { hint: 'give every package once, in the version that the container is to have' })
  }
  if (!taken.some(({ name }) => name === 'nat64ctl')) throw new ForgeError('E_USAGE', 'nat64ctl is not among the packages', { hint: 'give the package of a build: out/TARGET/packages/nat64ctl_*.deb' })
  return { taken, leftOut }
}

/** @throws ForgeError E_LOCK naming each that differs */
export function expectGiven(given: readonly GivenFact[], expected: readonly GivenFact[]): void {
  const said = (facts: readonly GivenFact[], wanted: string): string => facts.filter(({ name }) => name === wanted).map(({ version, sha256 }) => `${version}, SHA-256 ${sha256}`)[0] ?? 'not there'
  const differences = [...new Set([...expected, ...given].map(({ name }) => name))].filter((name) => said(given, name) !== said(expected, name))
  if (differences.length === 0) return
  throw new ForgeError('E_LOCK', `the lock is of other packages: ${differences.join(', ')}`, {
    hint: 'give the packages that the image of the lock was made of, or leave --locked out', details: differences.map((name) => `${name}: in the lock ${said(expected, name)}; given ${said(given, name)}`).join('\n'),
  })
}

async function readPackage(path: string, exec: Exec): Promise<GivenPackage> {
  const found = await stat(path).catch((cause: unknown) => { throw new ForgeError('E_DEB', `${path} cannot be read`, { hint: 'check the path', cause }) })
  if (!found.isFile()) throw new ForgeError('E_DEB', `${path} is not a file`, { hint: 'check the path' })
  const options = { doing: `read ${path}`, errorCode: 'E_DEB', hint: 'it is cut off, changed or no package: get it again' } as const
  const { stdout } = await exec(['dpkg-deb', '--show', '--showformat=${Package}\\t${Version}\\t${Architecture}', path], options)
  // Reads all of it, so a package that is cut off ends here and not in the middle of an installation.
  await exec(['dpkg-deb', '--contents', path], options)
  const [name = '', version = '', architecture = ''] = stdout.split('\t')
  if (useful.includes(name) && !['all', 'amd64'].includes(architecture)) throw new ForgeError('E_DEB_ARCHITECTURE', `${name} ${version} is for ${architecture}, and the container is for amd64`, { hint: 'give the package that was built for amd64' })
  return { name, version, architecture, path, sha256: await sha256File(path) }
}
