import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkAgainstImage } from '../../../kernel/headers/image-check.ts'
import { kernelRelease } from '../../../scripts/domain/kernel-release.ts'
import { createExec } from '../../../scripts/lib/exec.ts'
import { createLog, silentLog } from '../../../scripts/lib/log.ts'
import type { RunDeps } from '../../../scripts/pipeline/stage.ts'
import { elfObject } from '../../support/elf-object.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const release = '6.1.99-vyos'

/** What was said while a build tree was compared with a root of these files. */
async function said(files: Readonly<Record<string, string | Buffer>>): Promise<string[]> {
  const dir = await temporaryFolder()
  for (const [path, content] of Object.entries({ 'tree/.config': 'CONFIG_MODULES=y\n', 'tree/Module.symvers': '0x00000001\tkfree\tvmlinux\tEXPORT_SYMBOL\t\n', 'root/etc/hostname': 'x\n', ...files })) {
    await mkdir(join(dir, path, '..'), { recursive: true })
    await writeFile(join(dir, path), content)
  }
  const words: string[] = []
  const log = createLog((event) => { if ('text' in event) words.push(`${event.kind}: ${event.text}`) })
  await checkAgainstImage({ image: join(dir, 'root'), shown: 'x.iso', tree: join(dir, 'tree'), release: kernelRelease(release) }, { exec: createExec({ log: silentLog }), log, outDir: dir } as RunDeps<unknown>)
  return words.filter((line) => !line.startsWith('step'))
}

const module = `root/lib/modules/${release}/kernel/x.ko`
const info = ['name=x', 'license=GPL', `vermagic=${release} SMP `]

test('equal CRCs prove that a build tree is of an image\'s kernel', async () => {
  expect(await said({ [module]: elfObject({ info, versions: { kfree: 1 } }) })).toEqual(['note: the build tree is of the same kernel as x.iso: 1 symbol CRCs are equal'])
})

test.each([
  ['the release', {}], ['release and configuration', { [`root/boot/config-${release}`]: 'CONFIG_MODULES=y\n' }],
])('without CRCs it is not called proved: only %s is compared', async (what, files) => {
  expect(await said({ [module]: elfObject({ info }), ...files })).toEqual([`warning: that the build tree is of the same kernel as x.iso is not proved: there are no symbol CRCs in it to compare, only ${what}`])
})
