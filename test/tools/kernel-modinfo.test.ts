import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseElf } from '../../scripts/formats/elf.ts'
import { modinfoField, parseKernelModule } from '../../scripts/formats/kernel-module.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { extractTar, sourceLimits } from '../../scripts/lib/extract.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { elfObject } from '../support/elf-object.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const fields = ['name', 'vermagic', 'version', 'license', 'depends', 'alias', 'description']

describe.skipIf(!needsTools('modinfo'))('modinfo and our reader agree', () => {
  async function expectAgreement(path: string): Promise<void> {
    const module = parseKernelModule(await readFile(path), path)
    for (const field of fields) {
      const { stdout } = await exec(['modinfo', '-F', field, path])
      expect(module.info.filter(([key]) => key === field).map(([, value]) => `${value}\n`).join(''), field).toBe(stdout)
    }
  }

  test('on an object written by hand', async () => {
    const path = join(await temporaryFolder(), 'sample.ko')
    await writeFile(path, elfObject({ info: ['license=GPL v2', 'name=sample', 'vermagic=6.1.0 SMP mod_unload ', 'alias=one', 'alias=two=2', 'depends=a,b', 'version=1.0', 'description=with = and ünicode'], symbols: [{ name: 'kfree' }] }))
    await expectAgreement(path)
  })

  test.skipIf(!needsTools('as', 'nm', 'readelf'))('on an object of the assembler, and nm on its symbols', async () => {
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'm.s'), [
      '.section .modinfo,"a"', ...['license=GPL v2', 'name=assembled', 'vermagic=6.6.54-vyos SMP preempt mod_unload modversions ', 'depends='].map((item) => `.asciz "${item}"`),
      '.section __versions,"a"', '.quad 0xdeadbeef', '.asciz "kfree"', '.fill 50', '.quad 1', '.asciz "printk"', '.fill 49',
      '.text', '.globl init_module', 'init_module: call kfree', 'call printk', 'local: call local', '.weak maybe', 'call maybe', 'ret', '.bss', '.zero 4096', '',
    ].join('\n'))
    await exec(['as', '-o', 'm.ko', 'm.s'], { cwd: dir })
    const path = join(dir, 'm.ko')
    await expectAgreement(path)
    const module = parseKernelModule(await readFile(path), 'm.ko')
    expect(module.versions).toEqual(new Map([['kfree', 0xdeadbeef], ['printk', 1]]))
    expect(module.imports).toEqual(['kfree', 'printk'])
    const { stdout } = await exec(['nm', '--undefined-only', '--format=posix', path])
    expect(parseElf(await readFile(path), 'm.ko').symbols().filter((symbol) => symbol.undefined).map((symbol) => `${symbol.name} ${symbol.weak ? 'w' : 'U'}`).sort()).toEqual(stdout.trim().split('\n').map((line) => line.trim().split(/ +/).slice(0, 2).join(' ')).sort())
    expect(modinfoField(module, 'depends')).toBe('')
  })
})

// What an honest tool packs must pass all the refusals.
test.skipIf(!needsTools('tar'))('archives of GNU tar are unpacked as tar itself does: ustar, GNU and pax, long names, links', async () => {
  const dir = await temporaryFolder()
  const long = `${'folder/'.repeat(20)}${'n'.repeat(120)}`
  await exec(['bash', '-c', `mkdir -p "jool-1/$(dirname ${long})" && echo x > "jool-1/${long}" && echo y > jool-1/ü && ln -s ü jool-1/soft && ln jool-1/ü jool-1/hard && chmod 755 jool-1/ü`], { cwd: dir })
  for (const format of ['gnu', 'pax']) {
    await exec(['tar', '--format', format, '-czf', `${format}.tar.gz`, 'jool-1'], { cwd: dir })
    await extractTar(join(dir, `${format}.tar.gz`), join(dir, format), { limits: sourceLimits, strip: 1 })
    expect((await readdir(join(dir, format), { recursive: true })).sort()).toEqual((await readdir(join(dir, 'jool-1'), { recursive: true })).sort())
    expect(await readFile(join(dir, format, 'hard'), 'utf8')).toBe('y\n')
  }
})
