import { readFile, writeFile } from 'node:fs/promises'
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

// What the check says depends on the CLI tree. Its unit tests have one written by hand; here they have the one that routers get.
describe.skipIf(!needsTools('/usr/bin/python3'))('nat64ctl\'s check with the generated CLI tree', () => {
  it.each([
    ['says the same of rules, alone and together', ['test_check_source', 'test_check_destination', 'test_check_across', 'test_check_router'], 29],
    ['takes what VyOS takes', ['test_vyos_nat64'], 5],
    ['takes 2000 valid configurations and reads them back the same', ['test_random_configurations.ValidConfigurations'], 2],
  ])('%s', async (_title, modules, least) => {
    const packages = await nat64ctlPackage()
    const { exitStatus, stderr } = await exec(['/usr/bin/python3', '-B', '-W', 'error', '-m', 'unittest', ...modules], {
      cwd: join(projectDir, 'test/python'), env: { PYTHONPATH: packages, NAT64CTL_TREE: join(packages, 'nat64ctl/tree.json') }, okStatus: [0, 1], timeoutMs: 3 * 60_000,
    })
    expect(exitStatus, stderr).toBe(0)
    const ran = Number(/^Ran (\d+) tests? in /m.exec(stderr)?.[1])
    expect(ran, stderr).toBeGreaterThanOrEqual(least)
  })

  it('reads 100,000 lines in both forms, within bounds that only something quadratic would break', async () => {
    const dir = await temporaryFolder()
    const packages = await nat64ctlPackage()
    const env = { PYTHONPATH: packages, NAT64CTL_TREE: join(packages, 'nat64ctl/tree.json') }
    const program = [
      'import resource, sys, time', 'from nat64ctl.check import check_text', 'data = open(sys.argv[1], "rb").read()', 'result = check_text(data, sys.argv[1])',
      'assert result.configuration, result.problems', 'rule, = result.configuration.source_rules', 'usage = resource.getrusage(resource.RUSAGE_SELF)',
      'print(data.count(b"\\n"), len(rule.pools), len(rule.statics), len(result.problems), usage.ru_utime < 20, usage.ru_maxrss < 250000)',
    ].join('\n')
    const printed: string[] = []
    for (const form of ['set', 'braces']) {
      const file = join(dir, form)
      const { stdout } = await exec(['/usr/bin/python3', '-B', '-m', 'support.large_configuration', '100000', form], { cwd: join(projectDir, 'test/python'), env })
      await writeFile(file, stdout)
      expect((await readFile(file, 'utf8')).length).toBeGreaterThan(5_000_000)
      printed.push((await exec(['/usr/bin/python3', '-B', '-c', program, file], { env })).stdout.trim())
    }
    // The one problem is the warning about the firewall in mode inline.
    expect(printed).toEqual(['100000 2 19999 1 True True', '260006 2 19999 1 True True'])
  })
})
