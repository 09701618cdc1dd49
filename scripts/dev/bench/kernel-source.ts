import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeError } from '../../lib/errors.ts'
import { exec, rounded, runForge, type Measure } from './figure.ts'

/**
 * The router's kernel from an empty store, downloads and build root included; then the same again with nothing in the
 * store but what ccache kept.
 */
export const kernelSource: Measure = async (context) => {
  const dir = join(context.workDir, 'kernel-source')
  const store = join(dir, 'store')
  await mkdir(dir)
  const key = ['req', '-x509', '-newkey', 'rsa:4096', '-nodes', '-sha512', '-days', '30', '-subj', '/CN=bench', '-keyout', join(dir, 'key.pem'), '-out', join(dir, 'certificate.pem')]
  await exec(['openssl', ...key])
  await writeFile(join(dir, 'target.yaml'), 'target: bench-kernel\nsuite: bookworm\nheaders:\n  provider: source\n  signing: { key: key.pem, certificate: certificate.pem }\n')
  const build = async (out: string): Promise<number> => (await runForge(['headers', '--target', join(dir, 'target.yaml'), '--store', store, '--out', join(dir, out)], context)).seconds

  context.say('kernel-source-cold: the kernel, from an empty store')
  const cold = await build('cold')
  for (const name of await readdir(join(store, 'artifacts'))) if (name !== 'ccache') await rm(join(store, 'artifacts', name), { recursive: true })
  for (const name of ['blobs', 'notes']) {
    await rm(join(store, name), { recursive: true })
    await mkdir(join(store, name))
  }
  if ((await readdir(join(store, 'artifacts'))).length !== 1) throw new ForgeError('E_BUG', 'the store kept no ccache, so the second time would mean nothing')
  context.say('kernel-source-ccache: the same, with ccache\'s folder kept')
  const warm = await build('warm')
  return [
    { id: 'kernel-source-cold', value: rounded(cold / 60), unit: 'min', against: 'at most 8; the headers stage with provider source, empty store' },
    { id: 'kernel-source-ccache', value: rounded(warm / cold), unit: 'ratio', against: 'at most 0.35; only ccache is warm, against cold' },
    { id: 'kernel-source-ccache/warm', value: rounded(warm / 60), unit: 'min', against: 'only ccache is warm' },
  ]
}
