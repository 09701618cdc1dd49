import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runInRoot, type Bind } from '../../scripts/lib/build-root.ts'
import type { Argv } from '../../scripts/lib/exec.ts'
import { certificatePem } from './certificate.ts'
import type { SigningKey } from './key.ts'
import { signByToken, type TokenDeps } from './token.ts'
import { verifySignatures, type ModuleSigner } from './verify.ts'

export interface SignInput {
  /** The build root that the kernel's programs were made in. */
  root: string
  /** The kernel's build tree, as the root sees it, and what must be bound for that. */
  buildTree: string
  binds: readonly Bind[]
  /** The modules' folder on the host, and their paths in it. Signed in place; already without debug information. */
  dir: string
  modules: readonly string[]
  key: SigningKey
  /** As CONFIG_MODULE_SIG_HASH has it. */
  hash: string
  jobs: number
}

/**
 * Appends signatures with the kernel's own sign-file, then reads every one back. The private key is seen by sign-file
 * alone, from memory; a token's key by nobody.
 * @throws ForgeError E_MODULE_SIGNATURE, E_COMMAND, E_KEY_MISSING, E_KEY_PASSPHRASE
 */
export async function signModules(input: SignInput, deps: TokenDeps): Promise<ModuleSigner> {
  const { root, buildTree, dir, modules, key, hash } = input
  const certificate = join(deps.workDir, 'signing-certificate.pem')
  const list = join(deps.workDir, 'signing-list')
  await writeFile(certificate, certificatePem(key.certificate))
  const binds: Bind[] = [
    ...input.binds, { from: dir, to: '/build/modules', writable: true },
    { from: certificate, to: '/build/certificate.pem' }, { from: list, to: '/build/list' },
  ]
  const inRoot = (words: Argv, secret?: { text: string; to: string }): Promise<unknown> =>
    runInRoot(deps.exec, words, { root, binds, cwd: '/build/modules', doing: 'sign the modules', ...(secret ? { secret } : {}) })
  const signFile = `${buildTree}/scripts/sign-file`
  try {
    await writeFile(list, modules.map((path) => `${path}\n`).join(''))
    if (key.policy === 'pkcs11') {
      for (const path of modules) {
        const signature = join(dir, `${path}.p7s`)
        await signByToken(key, join(dir, path), hash, signature, deps)
        await inRoot([signFile, '-s', `${path}.p7s`, hash, '/build/certificate.pem', path])
        await rm(signature)
      }
    } else {
      await inRoot(['xargs', '-a', '/build/list', '-d', '\\n', '-n', '1', '-P', String(input.jobs), signFile, hash, '/build/key.pem', '/build/certificate.pem'], { text: key.pem, to: '/build/key.pem' })
    }
  } finally {
    await rm(certificate, { force: true })
    await rm(list, { force: true })
  }
  return verifySignatures(dir, modules, { certificate: key.certificate, hash })
}
