import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readBzImage } from '../../../../scripts/formats/bzimage.ts'
import { bytesAsSource } from '../../../../scripts/formats/byte-source.ts'
import { moduleExports } from '../../../../scripts/formats/module-exports.ts'
import { readModuleSignature } from '../../../../scripts/formats/module-signature.ts'
import { kernelExports, kernelTexts, openVmlinux } from '../../../../scripts/formats/vmlinux.ts'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import { elfObject } from '../../../support/elf-object.ts'
import { bzImage, vmlinuxFile, withSize } from '../../../support/kernel-image.ts'
import { rejection } from '../../../support/rejection.ts'

const source = (bytes: Buffer): ReturnType<typeof bytesAsSource> => bytesAsSource(bytes, 'vmlinuz')

describe('a kernel image', () => {
  const payload = withSize(Buffer.concat([Buffer.from('fd377a585a00', 'hex'), Buffer.alloc(100)]), 12_345)

  test('says its release, architecture, compression and size', async () => {
    expect(await readBzImage(source(bzImage(payload)))).toEqual({
      release: '6.6.54-vyos', banner: '6.6.54-vyos (forge@test) #1 SMP', architecture: 'amd64', compression: 'xz', payload: { offset: 1040, sizeBytes: 110 }, unpackedBytes: 12_345,
    })
  })

  const changed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = bzImage(payload)
    change(bytes)
    return bytes
  }
  test.each<[string, Buffer, string]>([
    ['too short', Buffer.alloc(100), 'vmlinuz: it is too short for a kernel (byte 100)'],
    ['of another architecture', Buffer.alloc(8192), 'vmlinuz: it is not an x86 kernel image (byte 514)'],
    ['of the last century', changed((bytes) => { bytes.writeUInt16LE(0x203, 0x206) }), 'vmlinuz: it has boot protocol 2.3; a kernel since 2.6.24 has 2.8 or more (byte 518)'],
    ['with its payload outside', changed((bytes) => { bytes.writeUInt32LE(0xfffffff0, 0x248) }), 'vmlinuz: the packed kernel lies outside the file (byte 584)'],
    ['with a payload too long', changed((bytes) => { bytes.writeUInt32LE(0xfffffff0, 0x24c) }), 'vmlinuz: the packed kernel lies outside the file (byte 584)'],
    ['without a version', changed((bytes) => { bytes.writeUInt16LE(0, 0x20e) }), 'vmlinuz: it has no version text (byte 526)'],
    ['of unknown compression', changed((bytes) => { bytes.write('ABCDEFGH', 1040) }), 'vmlinuz: the packed kernel starts with 4142434445464748, which no known compression does (byte 1040)'],
    ['that claims to be huge', changed((bytes) => { bytes.writeUInt32LE(0xffffffff, 1040 + 106) }), 'vmlinuz: the packed kernel claims to be 4294967295 bytes large (byte 1146)'],
  ])('%s is refused', async (_what, bytes, message) => {
    expect(await rejection(readBzImage(source(bytes)))).toMatchObject({ code: 'E_KERNEL_IMAGE', message })
  })
})

describe('an unpacked kernel', () => {
  const parts = { exports: { kfree: 0xdeadbeef, printk: 1 }, gplExports: { nf_register_net_hook: 0xffffffff } }

  test.each([[false], [true]])('exports symbols with CRCs, old table layout: %s', async (oldLayout) => {
    expect(await kernelExports(await openVmlinux(source(vmlinuxFile({ ...parts, oldLayout }))))).toEqual(new Map([
      ['kfree', { crc: 0xdeadbeef, gplOnly: false }], ['printk', { crc: 1, gplOnly: false }], ['nf_register_net_hook', { crc: 0xffffffff, gplOnly: true }],
    ]))
  })

  test('exports symbols into namespaces', async () => {
    const exports = await kernelExports(await openVmlinux(source(vmlinuxFile({ ...parts, namespaces: { printk: 'INNER', nf_register_net_hook: 'NET' } }))))
    expect([...exports].map(([name, { namespace }]) => [name, namespace])).toEqual([['kfree', undefined], ['printk', 'INNER'], ['nf_register_net_hook', 'NET']])
  })

  test('has a vermagic and maybe its configuration, and its banner is not taken for the vermagic', async () => {
    const rodata = Buffer.concat([Buffer.from('Linux version 6.6.54-vyos SMP \0'), Buffer.from('6.6.54-vyos SMP preempt mod_unload modversions \0'), Buffer.from('IKCFG_ST'), gzipSync('CONFIG_X=y\n'), Buffer.from('IKCFG_ED')])
    const texts = await kernelTexts(await openVmlinux(source(vmlinuxFile({ rodata }))), '6.6.54-vyos')
    expect(texts.vermagic).toBe('6.6.54-vyos SMP preempt mod_unload modversions ')
    expect(texts.packedConfig).toEqual(gzipSync('CONFIG_X=y\n'))
    expect(texts.certificates).toEqual([])
  })

  test('never ends in another error, whatever byte is changed or missing', async () => {
    const good = vmlinuxFile(parts)
    let refused = 0
    for (let at = 0; at < good.length; at += 1) {
      for (const change of [0x00, 0x7f, 0xff]) {
        const bytes = Buffer.from(good)
        bytes[at] = change
        for (const kernel of [bytes, good.subarray(0, at)]) {
          try {
            const vmlinux = await openVmlinux(source(kernel))
            await kernelExports(vmlinux)
            await kernelTexts(vmlinux, '6.6.54-vyos')
          } catch (error) {
            if (!(error instanceof ForgeError)) throw error
            refused += 1
            expect(['E_KERNEL_IMAGE', 'E_IMAGE_TRUNCATED']).toContain(error.code)
          }
        }
      }
    }
    expect(refused).toBeGreaterThan(good.length)
  })
})

describe('the exports of a module', () => {
  const crc = Buffer.from('0100000002000000', 'hex')

  test('have their CRCs in a table, or as absolute symbols before 5.19', () => {
    const sections = [{ name: '__ksymtab_gpl', data: Buffer.alloc(24) }, { name: '__kcrctab_gpl', data: crc }, { name: '__ksymtab', data: Buffer.alloc(12) }]
    const symbols = [
      { name: '__ksymtab_one', section: 4, value: 0 }, { name: '__crc_one', section: 5, value: 0 },
      { name: '__ksymtab_two', section: 4, value: 12 }, { name: '__crc_two', section: 5, value: 4 },
      { name: '__ksymtab_three', section: 6, value: 0 }, { name: '__crc_three', section: 0xfff1, value: 0xdeadbeef },
      { name: '__ksymtab_four', section: 6, value: 0 }, { name: '__crc_four', section: 5, value: 6 },
    ]
    expect(moduleExports(elfObject({ sections, symbols }), 'x.ko')).toEqual(new Map([
      ['one', { crc: 1, gplOnly: true }], ['two', { crc: 2, gplOnly: true }], ['three', { crc: 0xdeadbeef, gplOnly: false }], ['four', { crc: undefined, gplOnly: false }],
    ]))
  })
})

test('the exports of a module may be in namespaces', () => {
  const sections = [{ name: '__ksymtab_gpl', data: Buffer.alloc(24) }, { name: '__ksymtab_strings', data: Buffer.from('one\0INNER\0two\0\0') }]
  const symbols = [{ name: '__ksymtab_one', section: 4, value: 0 }, { name: '__kstrtabns_one', section: 5, value: 4 }, { name: '__ksymtab_two', section: 4, value: 12 }, { name: '__kstrtabns_two', section: 5, value: 14 }]
  expect(moduleExports(elfObject({ sections, symbols }), 'x.ko')).toEqual(new Map([['one', { crc: undefined, gplOnly: true, namespace: 'INNER' }], ['two', { crc: undefined, gplOnly: true }]]))
})

describe('the signature of a module', () => {
  const magic = Buffer.from('~Module signature appended~\n')
  const trailer = (size: number, type = 2): Buffer => Buffer.from([0, 0, type, 0, 0, 0, 0, 0, size >>> 24, (size >>> 16) & 255, (size >>> 8) & 255, size & 255])

  test('may be missing', () => {
    expect(readModuleSignature(Buffer.from('a module'), 'x.ko')).toBeUndefined()
    expect(readModuleSignature(Buffer.alloc(0), 'x.ko')).toBeUndefined()
  })

  test.each<[string, Buffer, string]>([
    ['longer than the file', Buffer.concat([Buffer.from('x'), trailer(2), magic]), 'x.ko: its appended signature is none that a kernel takes: its length is impossible'],
    ['empty', Buffer.concat([Buffer.from('x'), trailer(0), magic]), 'x.ko: its appended signature is none that a kernel takes: its length is impossible'],
    ['without a trailer', magic, 'x.ko: its appended signature is none that a kernel takes: its length is impossible'],
    ['of an old kind', Buffer.concat([Buffer.from('xx'), trailer(1, 1), magic]), 'x.ko: its appended signature is none that a kernel takes: it is of type 1, not PKCS#7'],
    ['of zeros', Buffer.concat([Buffer.alloc(20), trailer(10), magic]), 'x.ko: its appended signature is none that a kernel takes: the ASN.1 data is damaged: the PKCS#7 message is missing'],
    ['that ends early', Buffer.concat([Buffer.from('3082ffff30', 'hex'), trailer(5), magic]), 'x.ko: its appended signature is none that a kernel takes: the ASN.1 data is damaged: an element of 65535 bytes reaches beyond the end'],
  ])('%s is refused', async (_what, bytes, message) => {
    expect(await rejection(() => readModuleSignature(bytes, 'x.ko'))).toMatchObject({ code: 'E_MODULE_SIGNATURE', message })
  })
})
