import { describe, expect, test } from 'vitest'
import { parseElf, textAt } from '../../../../scripts/formats/elf.ts'
import { parseKernelConfig } from '../../../../scripts/formats/kconfig.ts'
import { modinfoField, parseKernelModule } from '../../../../scripts/formats/kernel-module.ts'
import { moduleNameOf, parseSymvers } from '../../../../scripts/formats/symvers.ts'
import { elfObject } from '../../../support/elf-object.ts'
import { rejection } from '../../../support/rejection.ts'

describe('a kernel module', () => {
  const object = elfObject({
    info: ['license=GPL v2', 'alias=one', 'alias=two=2', 'name=jool', 'vermagic=6.1.0 SMP '],
    versions: { module_layout: 0xdeadbeef, kfree: 1 },
    symbols: [{ name: 'kfree' }, { name: 'init_module', defined: true }, { name: '__fentry__' }, { name: 'maybe', weak: true }],
  })

  test('says what it is, imports what it does not define, and with which CRC', () => {
    expect(parseKernelModule(object, 'jool.ko')).toEqual({
      info: [['license', 'GPL v2'], ['alias', 'one'], ['alias', 'two=2'], ['name', 'jool'], ['vermagic', '6.1.0 SMP ']],
      versions: new Map([['module_layout', 0xdeadbeef], ['kfree', 1]]),
      imports: ['__fentry__', 'kfree'],
    })
    expect(modinfoField(parseKernelModule(object, 'jool.ko'), 'alias')).toBe('one')
    expect(modinfoField(parseKernelModule(object, 'jool.ko'), 'depends')).toBeUndefined()
    expect(parseElf(object, 'jool.ko').machine).toBe(62)
  })

  test('of a newer kernel may keep CRCs in two sections side by side', () => {
    expect(parseKernelModule(elfObject({ info: ['name=x'], extendedVersions: { a_rather_long_symbol_name_that_does_not_fit_into_fifty_six_bytes: 7, kfree: 0xffffffff } }), 'x.ko').versions)
      .toEqual(new Map([['a_rather_long_symbol_name_that_does_not_fit_into_fifty_six_bytes', 7], ['kfree', 0xffffffff]]))
  })

  test('without .modinfo is none', async () => {
    expect(await rejection(() => parseKernelModule(elfObject({}), 'x.o'))).toMatchObject({ code: 'E_ELF', message: 'x.o: it has no .modinfo, so it is not a kernel module' })
  })
})

describe('a hostile or damaged ELF file', () => {
  const good = elfObject({ info: ['name=x'], versions: { kfree: 1 }, symbols: [{ name: 'kfree' }] })
  const changed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(good)
    change(bytes)
    return bytes
  }
  const table = Number(good.readBigUInt64LE(40))

  test('in which one long text is the name of every symbol costs no more than its size', () => {
    const many = elfObject({ symbols: Array.from({ length: 20_000 }, () => ({ name: 'a' })) })
    const bytes = Buffer.concat([many, Buffer.alloc(1048576, 'a')])
    const strings = Number(bytes.readBigUInt64LE(40)) + 64
    bytes.writeBigUInt64LE(BigInt(many.length), strings + 24)
    bytes.writeBigUInt64LE(1048576n, strings + 32)
    expect(Math.max(...parseElf(bytes, 'x.ko').symbols().map(({ name }) => name.length))).toBe(512)
  }, 5000)

  test.each<[string, Buffer, string]>([
    ['empty', Buffer.alloc(0), 'x.ko: not an ELF file'],
    ['shorter than a header', good.subarray(0, 63), 'x.ko: not an ELF file'],
    ['text', Buffer.from('#!/bin/sh\n'.repeat(20)), 'x.ko: not an ELF file'],
    ['32-bit', changed((bytes) => { bytes[4] = 1 }), 'x.ko: not a 64-bit little-endian ELF file'],
    ['big-endian', changed((bytes) => { bytes[5] = 2 }), 'x.ko: not a 64-bit little-endian ELF file'],
    ['a program', changed((bytes) => { bytes.writeUInt16LE(2, 16) }), 'x.ko: not a relocatable object'],
    ['cut off', good.subarray(0, -1), 'x.ko: its section table lies outside the file'],
    ['with its table at the end of the world', changed((bytes) => { bytes.writeBigUInt64LE(0xffffffffffffffffn, 40) }), 'x.ko: its section table lies outside the file'],
    ['with more sections than bytes', changed((bytes) => { bytes.writeUInt16LE(0xffff, 60) }), 'x.ko: its section table lies outside the file'],
    ['with odd table entries', changed((bytes) => { bytes.writeUInt16LE(40, 58) }), 'x.ko: its section table lies outside the file'],
    ['with a section outside', changed((bytes) => { bytes.writeBigUInt64LE(1n << 62n, table + 64 + 24) }), 'x.ko: section 1 lies outside the file'],
    ['with a section too long', changed((bytes) => { bytes.writeBigUInt64LE(BigInt(good.length), table + 64 + 32) }), 'x.ko: section 1 lies outside the file'],
    ['without sections', changed((bytes) => { bytes.writeUInt16LE(0, 60) }), 'x.ko: it has no section names'],
    ['whose names are nowhere', changed((bytes) => { bytes.writeUInt16LE(500, 62) }), 'x.ko: it has no section names'],
  ])('%s is refused', async (_what, bytes, message) => {
    expect(await rejection(() => parseKernelModule(bytes, 'x.ko'))).toMatchObject({ code: 'E_ELF', message })
  })

  test('never ends in another error, whatever byte is changed or missing', () => {
    for (let at = 0; at < good.length; at += 1) {
      for (const bytes of [good.subarray(0, at), changed((copy) => { copy[at] = (copy[at] ?? 0) ^ 0xff })]) {
        try {
          parseKernelModule(bytes, 'x.ko')
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_ELF' })
        }
      }
    }
  })

  test('text beyond the end is empty, text without an end goes to the end', () => {
    const data = Buffer.from('one\0two')
    expect([textAt(data, 0), textAt(data, 4), textAt(data, 5), textAt(data, 7), textAt(data, 1000)]).toEqual(['one', 'two', 'wo', '', ''])
  })
})

test('a kernel configuration tells what is set and what values say', () => {
  const config = parseKernelConfig('# comment\nCONFIG_SMP=y\nCONFIG_NF_TABLES=m\n# CONFIG_MODVERSIONS is not set\nCONFIG_HZ=250\nCONFIG_LOCALVERSION=""\nCONFIG_CC_VERSION_TEXT="gcc-12 (Debian 12.2.0) \\"x\\""\nCONFIG_OFF=n\n')
  expect(['SMP', 'NF_TABLES', 'MODVERSIONS', 'HZ', 'OFF', 'ABSENT'].map((name) => config.isSet(name))).toEqual([true, true, false, false, false, false])
  expect(['HZ', 'LOCALVERSION', 'CC_VERSION_TEXT', 'MODVERSIONS'].map((name) => config.value(name))).toEqual(['250', '', 'gcc-12 (Debian 12.2.0) \\"x\\"', undefined])
})

test('Module.symvers tells each symbol\'s CRC, owner and licence', () => {
  const symbols = parseSymvers('0xdeadbeef\tkfree\tvmlinux\tEXPORT_SYMBOL\t\n0x00000001\tnf_defrag_ipv4_enable\tnet/ipv4/netfilter/nf_defrag_ipv4\tEXPORT_SYMBOL_GPL\t\n0x2\tns_symbol\tdrivers/a/b-c\tEXPORT_SYMBOL_NS_GPL\tCRYPTO\n\nnot a line\n')
  expect(Object.fromEntries(symbols)).toEqual({
    kfree: { crc: 0xdeadbeef, module: 'vmlinux', gplOnly: false },
    nf_defrag_ipv4_enable: { crc: 1, module: 'net/ipv4/netfilter/nf_defrag_ipv4', gplOnly: true },
    ns_symbol: { crc: 2, module: 'drivers/a/b-c', gplOnly: true },
  })
  expect([...symbols.values()].map(moduleNameOf)).toEqual([undefined, 'nf_defrag_ipv4', 'b_c'])
})
