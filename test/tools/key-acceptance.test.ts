import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { X509Certificate } from 'node:crypto'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { resolve as resolveHeaders } from '../../kernel/headers/resolve.ts'
import { headersSpec } from '../../kernel/headers/spec.ts'
import { resolve as resolveModules } from '../../kernel/modules/resolve.ts'
import { modulesSpec, type ModulesLocked } from '../../kernel/modules/spec.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { headersDeb, imageDeb } from '../support/bindeb-packages.ts'
import { fakeDeps } from '../support/fake-archive.ts'
import { isoImage } from '../support/iso-image.ts'
import { bzImage, vmlinuxFile } from '../support/kernel-image.ts'
import { makeKernelKey } from '../support/kernel-key.ts'
import { rejection } from '../support/rejection.ts'
import { debianSource } from '../support/sample-lock.ts'
import { certificateList } from '../support/signed-module.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const exec = createExec({ log: silentLog })
const release = '6.6.54-vyos'
const target = { name: 't', suite: 'bookworm', architecture: 'amd64' } as const
const config = 'CONFIG_X86_64=y\nCONFIG_MODULES=y\nCONFIG_CC_VERSION_TEXT="gcc (Debian 12.2.0-14) 12.2.0"\nCONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_HASH="sha512"\n'

// Packages of a kernel by hand, and a router's image with it, which alone has it force signatures.
describe.skipIf(!needsTools('dpkg-deb', 'mksquashfs', 'openssl'))('the key for a kernel that is in', () => {
  let dir = ''
  let deb = ''
  let kernel: Buffer = Buffer.alloc(0)

  beforeAll(async () => {
    dir = await temporaryFolder({ keepUntil: 'file' })
    const { raw } = new X509Certificate(await readFile(makeKernelKey(dir, 'builder').certificate))
    makeKernelKey(dir, 'other')
    kernel = bzImage(vmlinuxFile({ rodata: Buffer.concat([certificateList([raw]), Buffer.alloc(64)]) }), { release })
    deb = await headers(config)
    await put('root', { 'etc/os-release': 'ID=vyos\n', [`lib/modules/${release}/modules.order`]: '' })
    await exec(['mksquashfs', join(dir, 'root'), join(dir, 'root.squashfs'), '-quiet', '-no-progress', '-comp', 'gzip'])
    const menu = 'label live\n  linux /vmlinuz\n  append boot=live module.sig_enforce=1\n'
    await writeFile(join(dir, 'router.iso'), isoImage({ files: { 'root.squashfs': await readFile(join(dir, 'root.squashfs')), vmlinuz: kernel, 'isolinux.cfg': Buffer.from(menu) } }))
  })

  async function put(folder: string, files: Readonly<Record<string, string | Buffer>>): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(dir, folder, path)), { recursive: true })
      await writeFile(join(dir, folder, path), content)
    }
  }

  /** A linux-headers package of this configuration. */
  async function headers(text: string): Promise<string> {
    const modpost = Buffer.alloc(64)
    modpost.writeUInt32BE(0x7f454c46, 0)
    modpost.writeUInt16LE(62, 18)
    const name = `tree-${String(text.length)}`
    await put(name, { '.config': text, 'Module.symvers': '', 'include/generated/utsrelease.h': `#define UTS_RELEASE "${release}"\n`, 'scripts/mod/modpost': modpost, 'scripts/sign-file': modpost })
    await mkdir(join(dir, `deb-${name}`))
    return headersDeb(join(dir, name), join(dir, `deb-${name}`), { release }, exec)
  }

  async function resolved(section: object, key: string): Promise<ModulesLocked> {
    const deps = { ...fakeDeps({ records: { 'gcc-12': { Package: 'gcc-12' } } }).deps, exec, workDir: dir, targetDir: dir }
    const before = { source: debianSource, headers: await resolveHeaders({ spec: headersSpec.parse(section), target, before: {} }, deps) }
    return resolveModules({ spec: modulesSpec.parse({ signing: { key: `${key}.key`, certificate: `${key}.pem` } }), target, before }, deps)
  }

  test.each<[string, () => Promise<object>, string]>([
    ['a router\'s ISO, whose boot menu has it force signatures', () => Promise.resolve({ provider: 'iso', iso: 'router.iso', headers: deb }), 'vmlinuz of router.iso'],
    ['a linux-image package', async () => {
      const forced = `${config}CONFIG_MODULE_SIG_FORCE=y\n`
      return { provider: 'packages', headers: await headers(forced), image: await imageDeb({ config: forced, kernel, modules: {} }, dir, { release }, exec) }
    }, `boot/vmlinuz-${release} of linux-image-${release}_1-1_amd64.deb`],
  ])('%s is refused when it is another than the kernel has', async (_what, section, from) => {
    const spec = await section()
    expect((await resolved(spec, 'builder')).signing?.key.policy).toBe('file')
    expect(await rejection(resolved(spec, 'other'))).toMatchObject({
      code: 'E_KEY_MISMATCH', message: expect.stringMatching(`^the kernel ${release} does not have the certificate ${dir}/other\\.pem \\("other", serial number [0-9a-f]+\\): in ${from} is "builder" \\([0-9a-f]+\\); it would refuse the modules$`),
    })
  })
})
