import { describe, expect, test } from 'vitest'
import { judgeModule, type LoadContext } from '../../../../images/inspect/module-verdict.ts'
import { parseElf } from '../../../../scripts/formats/elf.ts'
import { elfObject, type ObjectParts } from '../../../support/elf-object.ts'

const vermagic = '6.6.54-vyos SMP preempt mod_unload modversions '
const context: LoadContext = {
  release: '6.6.54-vyos', vermagic, modversions: true, signing: 'off', knowsHash: () => true, certificates: [], complete: true, namespacesOptional: false, structBytes: undefined, lockdownUnderSecureBoot: false,
  exports: new Map([['kfree', { crc: 1, gplOnly: false, source: 'live/vmlinuz' }], ['nf_register_net_hook', { crc: 2, gplOnly: true, source: 'live/vmlinuz' }], ['module_layout', { crc: 3, gplOnly: false, source: 'live/vmlinuz' }]]),
}
const parts: ObjectParts = {
  info: ['license=GPL v2', 'name=jool', 'version=4.1.13.0', `vermagic=${vermagic}`],
  versions: { module_layout: 3, kfree: 1, nf_register_net_hook: 2 },
  symbols: [{ name: 'kfree' }, { name: 'nf_register_net_hook' }, { name: 'maybe', weak: true }],
}
const judge = (object: ObjectParts, changes: Partial<LoadContext> = {}): ReturnType<typeof judgeModule> => judgeModule({ file: 'jool.ko', bytes: elfObject(object) }, { ...context, ...changes })

test('a module that fits loads, and what was compared is told', () => {
  expect(judge(parts)).toEqual({ file: 'jool.ko', name: 'jool', version: '4.1.13.0', vermagic, loads: true, problems: [], notes: [], signature: null, crcsChecked: 3, forIptables: false })
})

test.each(['xt_register_targets', 'xt_register_target', 'xt_register_match'])('a module that calls %s is for iptables', (name) => {
  expect(judge({ ...parts, symbols: [{ name: 'kfree' }, { name }] }, { complete: false }).forIptables).toBe(true)
})

test.each([['xt_unregister_targets', undefined], ['xt_register_targets', { weak: true }]])('a module that has %s only so is not', (name, more) => {
  expect(judge({ ...parts, symbols: [{ name: 'kfree' }, { name, ...more }] }, { complete: false }).forIptables).toBe(false)
})

test('a module for a kernel without its configuration loads with a note, and a kernel that is not there asks for nothing', () => {
  expect(judge(parts, { signing: undefined })).toMatchObject({ loads: true, notes: ['whether the kernel asks for signatures is not known: neither it nor the image has its configuration'] })
  expect(judge(parts, { signing: undefined, release: '' }).notes).toEqual([])
})

test('a module whose own structure has another size than that of the image\'s modules was built for another kernel', () => {
  const bytes = elfObject(parts)
  const own = parseElf(bytes, 'jool.ko').section('.gnu.linkonce.this_module')?.data.length ?? 0
  expect(judge(parts, { structBytes: own })).toMatchObject({ loads: true })
  expect(judge(parts, { structBytes: own + 64 })).toMatchObject({ loads: false, problems: [{ check: 'file', message: expect.stringContaining(`has ${String(own)} bytes, and those of the image's own modules ${String(own + 64)}: it was built for another kernel`) as string }] })
})

test('a symbol in a namespace is only for modules that import it, unless the kernel was built otherwise', () => {
  const exports: LoadContext['exports'] = { get: (symbol) => symbol === 'kfree' ? { crc: 1, gplOnly: false, namespace: 'INNER', source: 'live/vmlinuz' } : context.exports.get(symbol) }
  const message = 'it uses symbols of INNER and does not import that namespace'
  expect(judge(parts, { exports })).toMatchObject({ loads: false, problems: [{ check: 'symbols', message, remedy: 'its source needs MODULE_IMPORT_NS(INNER)' }] })
  expect(judge({ ...parts, info: [...parts.info!, 'import_ns=OTHER'] }, { exports }).problems).toMatchObject([{ message }])
  expect(judge({ ...parts, info: [...parts.info!, 'import_ns=OTHER', 'import_ns=INNER'] }, { exports }).loads).toBe(true)
  expect(judge(parts, { exports, namespacesOptional: true }).loads).toBe(true)
})

describe('a module is refused', () => {
  test.each<[string, ObjectParts, Partial<LoadContext>, string, string]>([
    ['built for a kernel of another kind', { ...parts, info: ['license=GPL', 'name=jool', 'vermagic=6.6.54-vyos SMP mod_unload modversions '] }, {}, 'vermagic', 'it was built for "6.6.54-vyos SMP mod_unload modversions", the kernel is "6.6.54-vyos SMP preempt mod_unload modversions"'],
    ['built for another release, when CRCs are not compared', { info: ['license=GPL', 'name=jool', 'vermagic=6.6.55-vyos SMP preempt mod_unload modversions '] }, { modversions: false }, 'vermagic', 'it was built for "6.6.55-vyos SMP preempt mod_unload modversions", the kernel is "6.6.54-vyos SMP preempt mod_unload modversions"'],
    ['built for a changed structure', { ...parts, versions: { module_layout: 3, kfree: 1, nf_register_net_hook: 0xdeadbeef } }, {}, 'crc', 'it was built against another kernel: 1 of 3 CRCs differ: nf_register_net_hook 0xdeadbeef, live/vmlinuz has 0x00000002'],
    ['that needs what is not there', { ...parts, symbols: [{ name: 'nf_defrag_ipv4_enable' }] }, {}, 'symbols', 'it needs a symbol that nothing in the image exports: nf_defrag_ipv4_enable'],
    ['that may not have what it needs', { ...parts, info: ['license=Proprietary', `vermagic=${vermagic}`] }, {}, 'licence', 'its licence "Proprietary" does not give it nf_register_net_hook'],
    ['without CRCs', { info: parts.info!, symbols: parts.symbols! }, {}, 'crc', 'it carries no CRCs, and the kernel asks for them'],
    ['that is not signed, when signatures are forced', parts, { signing: 'forced' }, 'signature', 'it is not signed, and the kernel has no certificate; this kernel loads only modules that it can verify'],
    ['that is not a module', {}, {}, 'file', 'jool.ko: it has no .modinfo, so it is not a kernel module'],
  ])('%s', (_what, object, changes, check, message) => {
    const verdict = judge(object, changes)
    expect(verdict.loads).toBe(false)
    expect(verdict.problems.map((problem) => ({ check: problem.check, message: problem.message }))).toEqual([{ check, message }])
    expect(verdict.problems[0]?.remedy).not.toBe('')
  })

  test('for everything that is wrong at once', () => {
    const verdict = judge({ info: ['license=none', 'vermagic=5.4.0 '], versions: { kfree: 9 }, symbols: [{ name: 'kfree' }, { name: 'gone' }] }, { signing: 'forced' })
    expect(verdict.problems.map(({ check }) => check)).toEqual(['signature', 'vermagic', 'symbols', 'crc'])
  })

  test.each([
    ['.symtab', 'it has no symbol table: more than its debug information was stripped'],
    ['.gnu.linkonce.this_module', 'it has no .gnu.linkonce.this_module, which is the module itself to the kernel'],
  ])('stripped of %s', (section, message) => {
    const bytes = elfObject(parts)
    bytes.write('.gone\0', bytes.lastIndexOf(`${section}\0`), 'latin1')
    expect(judgeModule({ file: 'jool.ko', bytes }, context)).toMatchObject({ loads: false, problems: [{ check: 'file', message, remedy: 'strip it with `strip --strip-debug`, or build it again' }] })
  })

  test('built for another machine', () => {
    const bytes = elfObject(parts)
    bytes.writeUInt16LE(183, 18)
    expect(judgeModule({ file: 'jool.ko', bytes }, context).problems).toMatchObject([{ check: 'architecture', message: 'it is for another architecture than amd64' }])
  })

  test('with a signature that cannot be read', () => {
    const bytes = Buffer.concat([elfObject(parts), Buffer.from('~Module signature appended~\n')])
    expect(judgeModule({ file: 'jool.ko', bytes }, { ...context, signing: 'any' }).problems).toMatchObject([{ check: 'signature' }])
    expect(judgeModule({ file: 'jool.ko', bytes }, context).loads).toBe(true)
  })
})

test('another release with the same CRCs loads, with a note', () => {
  const verdict = judge({ ...parts, info: ['license=GPL', 'name=jool', 'vermagic=6.6.55-vyos SMP preempt mod_unload modversions '] })
  expect(verdict).toMatchObject({ loads: true, notes: ['it was built for 6.6.55-vyos; this kernel compares CRCs instead of releases, but modprobe looks for modules of 6.6.54-vyos only'] })
})

test('an unsigned module loads where signatures are only looked at, and Secure Boot is warned of', () => {
  expect(judge(parts, { signing: 'any', lockdownUnderSecureBoot: true })).toMatchObject({
    loads: true, notes: ['it is not signed, and the kernel has no certificate; the kernel loads it and is tainted, but refuses it when Secure Boot is on, unless its key is enrolled as a machine owner key'],
  })
})

test('without the kernel, missing symbols are not held against a module, differing CRCs are', () => {
  const verdict = judge({ ...parts, versions: { kfree: 9 }, symbols: [{ name: 'kfree' }, { name: 'gone' }] }, { complete: false, certificates: undefined })
  expect(verdict.problems.map(({ check }) => check)).toEqual(['crc'])
})
