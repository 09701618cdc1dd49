import { describe, expect, test } from 'vitest'
import { bytesAsSource } from '../../../../scripts/formats/byte-source.ts'
import { readBootCatalog, readHybridTables } from '../../../../scripts/formats/iso9660-boot.ts'
import { looksLikeIso, readIso9660 } from '../../../../scripts/formats/iso9660.ts'
import { ForgeError } from '../../../../scripts/lib/errors.ts'
import { isoImage, type IsoParts } from '../../../support/iso-image.ts'
import { rejection } from '../../../support/rejection.ts'

const source = (bytes: Buffer): ReturnType<typeof bytesAsSource> => bytesAsSource(bytes, 'x.iso')

test('an ISO with plain names gives its files back', async () => {
  const iso = await readIso9660(source(isoImage({ files: { 'A.TXT': Buffer.from('hello'), 'B.': Buffer.alloc(5000, 'b') } })))
  expect(iso.volumeId).toBe('TEST')
  expect(iso.bootCatalogOffset).toBeUndefined()
  expect(iso.entries).toEqual([{ path: 'A.TXT', directory: false, offset: 19 * 2048, sizeBytes: 5 }, { path: 'B', directory: false, offset: 20 * 2048, sizeBytes: 5000 }])
  const entry = iso.file('A.TXT')
  expect(entry && (await iso.open(entry).read(0, 5)).toString()).toBe('hello')
  expect(await rejection(async () => entry && await iso.open(entry).read(0, 6))).toMatchObject({ code: 'E_IMAGE_TRUNCATED', message: 'x.iso:A.TXT ends at byte 5, and 6 bytes at 0 are needed' })
})

test('what is no ISO does not look like one', async () => {
  expect(await looksLikeIso(source(Buffer.alloc(40_000)))).toBe(false)
  expect(await looksLikeIso(source(Buffer.alloc(10)))).toBe(false)
  expect(await looksLikeIso(source(isoImage()))).toBe(true)
})

describe('a hostile or damaged ISO', () => {
  const file = Buffer.from('hello')
  test.each<[string, IsoParts, string, string]>([
    ['that is cut off', { descriptor: (bytes) => { bytes.writeUInt32LE(1000, 80) } }, 'E_IMAGE_TRUNCATED', 'x.iso is cut off: it has 38912 of 2048000 bytes'],
    ['with blocks of another size', { descriptor: (bytes) => { bytes.writeUInt16LE(512, 128) } }, 'E_ISO_DAMAGED', 'x.iso: its blocks have 512 bytes instead of 2048 (byte 32896)'],
    ['whose folder contains itself', { folders: { LOOP: 18 } }, 'E_ISO_DAMAGED', 'x.iso: the folder LOOP contains itself, or is in two places (byte 36864)'],
    ['with a root as large as the world', { descriptor: (bytes) => { bytes.writeUInt32LE(0xfffff800, 166) } }, 'E_ISO_DAMAGED', 'x.iso: its root folder has an absurd size of 4294965248 bytes (byte 36864)'],
    ['with half a block of root', { descriptor: (bytes) => { bytes.writeUInt32LE(1000, 166) } }, 'E_ISO_DAMAGED', 'x.iso: its root folder has an absurd size of 1000 bytes (byte 36864)'],
    ['with a file outside', { files: { A: file }, root: (bytes) => { bytes.writeUInt32LE(0xffffff, 68 + 2) } }, 'E_ISO_DAMAGED', 'x.iso: A lies outside the file (byte 36932)'],
    ['with a name that leads out', { files: { A: file }, root: (bytes) => { bytes.write('..;', 68 + 33); bytes[68 + 32] = 4 } }, 'E_ISO_DAMAGED', 'x.iso: its root folder has a damaged entry (byte 36932)'],
  ])('%s is refused', async (_what, parts, code, message) => {
    expect(await rejection(readIso9660(source(isoImage(parts))))).toMatchObject({ code, message })
  })

  test('without an end to its descriptors is refused', async () => {
    const image = Buffer.concat([isoImage(), Buffer.alloc(80 * 2048)])
    for (let block = 17; block < 90; block += 1) image.write('\x02CD001\x01', block * 2048, 'latin1')
    for (let block = 17; block < 90; block += 1) image.writeUInt16LE(2048, block * 2048 + 128)
    expect(await rejection(readIso9660(source(image)))).toMatchObject({ code: 'E_ISO_DAMAGED', message: 'x.iso: its list of volume descriptors has no end (byte 163840)' })
  })

  test('never ends in another error, whatever byte of descriptor or folder is changed', async () => {
    const good = isoImage({ files: { 'A.TXT': file, 'B.TXT': file } })
    let refused = 0
    for (let at = 16 * 2048; at < 19 * 2048; at += 1) {
      if (at > 16 * 2048 + 200 && at < 17 * 2048) continue
      for (const value of [0x00, 0x7f, 0xff]) {
        const bytes = Buffer.from(good)
        bytes[at] = value
        try {
          await readIso9660(source(bytes))
        } catch (error) {
          if (!(error instanceof ForgeError)) throw error
          refused += 1
          expect(['E_ISO_DAMAGED', 'E_IMAGE_TRUNCATED']).toContain(error.code)
        }
      }
    }
    expect(refused).toBeGreaterThan(50)
  })
})

describe('boot records', () => {
  const catalog = (change: (bytes: Buffer) => void = () => undefined): Buffer => {
    const bytes = Buffer.alloc(2048)
    bytes[0] = 1
    bytes.writeUInt16BE(0x55aa, 30)
    bytes.writeUInt16LE(0x10000 - 1 - 0xaa55, 28)
    bytes[32] = 0x88
    bytes.writeUInt16LE(4, 38)
    bytes.writeUInt32LE(27, 40)
    bytes.set([0x91, 0xef, 1, 0], 64)
    bytes[96] = 0x88
    bytes.writeUInt16LE(8192, 102)
    bytes.writeUInt32LE(75, 104)
    change(bytes)
    return bytes
  }

  test('of El Torito are one for BIOS and one for UEFI', async () => {
    expect(await readBootCatalog(source(catalog()), 0)).toEqual([
      { platformId: 0, bootable: true, emulation: 0, loadSectors: 4, block: 27 }, { platformId: 0xef, bootable: true, emulation: 0, loadSectors: 8192, block: 75 },
    ])
  })

  test.each<[string, Buffer, number, string]>([
    ['with a wrong checksum', catalog((bytes) => { bytes[5] = 1 }), 0, 'x.iso: its boot catalogue has a wrong checksum (byte 0)'],
    ['outside the file', catalog(), 2048, 'x.iso: its boot catalogue lies outside the file (byte 2048)'],
  ])('%s are refused', async (_what, bytes, offset, message) => {
    expect(await rejection(readBootCatalog(source(bytes), offset))).toMatchObject({ code: 'E_ISO_DAMAGED', message })
  })

  test('with more entries than there is room for end with the catalogue', async () => {
    expect(await readBootCatalog(source(catalog((bytes) => { bytes.writeUInt16LE(0xffff, 66) })), 0)).toHaveLength(62)
  })

  test('for USB sticks are an MBR with code and partitions, and a GPT', async () => {
    const head = Buffer.alloc(40_000)
    expect(await readHybridTables(source(head))).toEqual({ mbr: false, gpt: false, partitions: [] })
    head[0] = 0x33
    head.writeUInt16LE(0xaa55, 510)
    head[446 + 4] = 0xef
    head.writeUInt32LE(4, 446 + 8)
    head.writeUInt32LE(10, 446 + 12)
    expect(await readHybridTables(source(head))).toEqual({ mbr: true, gpt: false, partitions: [{ type: 'ef', startBytes: 2048, sizeBytes: 5120 }] })
    head.write('EFI PART', 512)
    head.writeBigUInt64LE(2n, 512 + 72)
    head.writeUInt32LE(4, 512 + 80)
    head.writeUInt32LE(128, 512 + 84)
    Buffer.from('28732ac11ff8d211ba4b00a0c93ec93b', 'hex').copy(head, 1024)
    head.writeBigUInt64LE(8n, 1024 + 32)
    head.writeBigUInt64LE(9n, 1024 + 40)
    expect(await readHybridTables(source(head))).toEqual({ mbr: true, gpt: true, partitions: [{ type: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b', startBytes: 4096, sizeBytes: 1024 }] })
    head.writeUInt32LE(0xffffffff, 512 + 80)
    expect(await readHybridTables(source(head))).toMatchObject({ gpt: false })
  })
})
