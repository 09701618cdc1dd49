import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError } from '../../scripts/lib/errors.ts'
import { parseSpec } from '../../scripts/lib/parse-spec.ts'
import { catalogueRow, type CatalogueRow } from './row.ts'

export const catalogueDir = import.meta.dirname

/** All rows, by name: one YAML file each. @throws ForgeError E_CATALOGUE with line and column */
export async function readCatalogue(dir = catalogueDir): Promise<CatalogueRow[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.yaml')).map((name) => name.slice(0, -'.yaml'.length)).sort()
  return Promise.all(names.map(async (name) => {
    const file = `kernel/catalogue/${name}.yaml`
    const row = parseSpec(await readFile(join(dir, `${name}.yaml`), 'utf8'), file, catalogueRow, 'E_CATALOGUE')
    if (row.name !== name) throw new ForgeError('E_CATALOGUE', `${file} is named ${row.name} inside`, { hint: 'give file and row one name' })
    return row
  }))
}

/**
 * The rows that a kernel belongs to: by its release, and by the VyOS version where that is known and decides. Several VyOS
 * releases may share a kernel line; they agree in what it takes to build for it.
 * @throws ForgeError E_CATALOGUE for a kernel of no known line, saying how to add one, and for one of another line than the VyOS version
 */
export function rowsFor(rows: readonly CatalogueRow[], release: string, vyosVersion?: string): [CatalogueRow, ...CatalogueRow[]] {
  const byRelease = rows.filter((row) => new RegExp(row.kernels).test(release))
  const byVersion = vyosVersion === undefined ? [] : rows.filter((row) => row.vyos !== undefined && new RegExp(row.vyos).test(vyosVersion))
  const both = byVersion.filter((row) => byRelease.includes(row))
  const later = byVersion.filter((row) => row.laterKernels !== undefined && new RegExp(row.laterKernels).test(release))
  const [first, ...others] = [both, later].find((found) => found.length > 0) ?? byRelease
  if (!first) {
    throw new ForgeError('E_CATALOGUE', `the kernel ${release} belongs to no line in the catalogue`, {
      hint: 'add kernel/catalogue/NAME.yaml: copy the nearest row, and set `kernels` to a pattern that matches this release; CONTRIBUTING.md says what the keys mean',
      details: `known lines:\n${rows.map((row) => `  ${row.name.padEnd(20)} ${row.kernels}`).join('\n')}`,
    })
  }
  const [another] = byVersion
  // Lines that share a kernel say nothing against a third; one that has it alone does.
  if (another && others.length === 0 && !byVersion.includes(first)) {
    throw new ForgeError('E_CATALOGUE', `the catalogue has the kernel ${release} in the line ${first.name} alone, and the image says that it is VyOS ${vyosVersion ?? ''}, of the line ${byVersion.map(({ name }) => name).join(' and ')}`, {
      hint: `if that VyOS has this kernel, add \`laterKernels\` to kernel/catalogue/${another.name}.yaml, or let its pattern match this release; CONTRIBUTING.md says what the keys mean`,
    })
  }
  return [first, ...others]
}

/** Where a row says that the headers of a kernel are; undefined when it does not. */
export function headersUrl(row: CatalogueRow, release: string, version: string): string | undefined {
  return row.headers.url?.replaceAll('{release}', encodeURIComponent(release)).replaceAll('{version}', encodeURIComponent(version))
}
