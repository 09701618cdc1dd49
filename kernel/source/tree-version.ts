import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { joolVersion, type JoolVersion } from '../../scripts/domain/jool-version.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'

/**
 * The version that the modules of a source tree will carry, from the three `JOOL_VERSION_*` numbers in
 * `src/common/xlat.h`, where the modules themselves take it from.
 * @throws ForgeError E_SOURCE when the tree is not Jool's
 */
export async function versionOfTree(dir: string): Promise<JoolVersion> {
  const header = join(dir, 'src/common/xlat.h')
  let text: string
  try {
    text = await readFile(header, 'utf8')
  } catch (error) {
    throw new ForgeError('E_SOURCE', `${dir} is not a source tree of Jool: src/common/xlat.h is missing`, {
      hint: 'give the folder that holds `src/mod` and `src/common`', cause: error,
    })
  }
  const numbers = ['MAJOR', 'MINOR', 'REV'].map((part) => new RegExp(`^#define\\s+JOOL_VERSION_${part}\\s+(\\d+)`, 'm').exec(text)?.[1])
  if (numbers.includes(undefined)) throw new ForgeError('E_SOURCE', `${header} does not define Jool's version`)
  return joolVersion(numbers.join('.'))
}
