import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { createExec } from '../../../scripts/lib/exec.ts'
import { silentLog } from '../../../scripts/lib/log.ts'
import { nat64ctlPackage } from '../../support/nat64ctl-package.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { needsTools } from '../../support/tools.ts'

const projectDir = fileURLToPath(new URL('../../..', import.meta.url))
const exec = createExec({ log: silentLog })

describe.skipIf(!needsTools('/usr/bin/python3'))('the check of Python 3.7', () => {
  async function check(text: string): Promise<{ exitStatus: number; lines: string[] }> {
    const dir = await temporaryFolder()
    await mkdir(join(dir, 'ours'))
    await writeFile(join(dir, 'ours/file.py'), text)
    const { exitStatus, stdout } = await exec(['/usr/bin/python3', '-B', join(projectDir, 'scripts/dev/python-3.7.py'), '.'], { cwd: dir, okStatus: [0, 1] })
    return { exitStatus, lines: stdout.trim().split('\n').filter((line) => line !== '') }
  }

  it.each([
    ['print(f"{x=}")', '1: f-string: self documenting expressions are only supported in Python 3.8 and greater'],
    ['x = 1\nif (y := x): pass', '2: Assignment expressions are only supported in Python 3.8 and greater'],
    ['match x:\n    case 1: pass', '2: Pattern matching is only supported in Python 3.10 and greater'],
    ['for i in x:\n    try: pass\n    finally: continue', '3: \'continue\' in a finally clause is only supported in Python 3.8 and greater'],
    ['import tomllib', '1: tomllib is not in the library of every Python from 3.7 to 3.13'],
    ['from distutils.util import strtobool', '1: distutils is not in the library of every Python from 3.7 to 3.13'],
    ['import yaml', '1: yaml is not in the standard library'],
  ])('refuses %j', async (text, problem) => {
    expect(await check(`${text}\n`)).toEqual({ exitStatus: 1, lines: [`./ours/file.py:${problem}`] })
  })

  it('takes the library, our own modules, and a loop of its own in a finally clause', async () => {
    expect(await check('import json\nimport os.path\nfrom ours import file\nfrom . import other\ntry: pass\nfinally:\n    for i in (): continue\n')).toEqual({ exitStatus: 0, lines: [] })
  })
})

describe.skipIf(!needsTools('/usr/bin/python3'))('the Python that runs on routers', () => {
  it('passes its unit tests', async () => {
    const { stderr } = await exec(['/usr/bin/python3', '-B', '-W', 'error', '-m', 'unittest', 'discover', '--start-directory', 'test/python'], {
      cwd: projectDir, env: { PYTHONPATH: await nat64ctlPackage() }, timeoutMs: 9 * 60_000,
    })
    expect(stderr).toMatch(/^Ran [1-9]\d* tests? in /m)
  })
})
