import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { expectTrusted } from '../../../kernel/headers/providers/source/trust.ts'
import { parseCertificate } from '../../../scripts/formats/x509.ts'
import { makeKernelKey } from '../../support/kernel-key.ts'
import { rejection } from '../../support/rejection.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const mebibyte = 1048576

test.each([['at its start', 0], ['across two steps', 4 * mebibyte - 100], ['far behind', 9 * mebibyte]])('a kernel with the certificate trusts the key: %s', async (_where, at) => {
  const dir = await temporaryFolder()
  const { raw } = new X509Certificate(await readFile(makeKernelKey(dir, 'builder').certificate))
  await writeFile(join(dir, 'vmlinux'), Buffer.concat([Buffer.alloc(at, 0x30), raw, Buffer.alloc(mebibyte)]))
  await expectTrusted(dir, parseCertificate(raw))
})

test('a kernel that got the certificate of another build does not', async () => {
  const dir = await temporaryFolder()
  const [mine, other] = await Promise.all(['mine', 'other'].map(async (name) => new X509Certificate(await readFile(makeKernelKey(dir, name).certificate)).raw))
  await writeFile(join(dir, 'vmlinux'), Buffer.concat([Buffer.alloc(100), other ?? Buffer.alloc(0), Buffer.alloc(5 * mebibyte)]))
  expect(await rejection(expectTrusted(dir, parseCertificate(mine ?? Buffer.alloc(0))))).toMatchObject({
    code: 'E_MODULE_SIGNATURE', message: expect.stringMatching(/^the kernel was built without the certificate of .*mine/), hint: expect.stringContaining('artifacts/ccache'),
  })
})
