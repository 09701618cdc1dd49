import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { lockKey, openKey } from '../../kernel/signing/key.ts'
import { signModules } from '../../kernel/signing/sign.ts'
import { readModuleSignature } from '../../scripts/formats/module-signature.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import { makeKernelKey } from './kernel-key.ts'

/** Copies of modules, signed in the same way by a key that no kernel knows. */
export async function signedByStranger(modules: readonly string[], { root, usrSrc, buildTree, dir }: { root: string; usrSrc: string; buildTree: string; dir: string }, exec: Exec): Promise<string[]> {
  const to = join(dir, 'by-stranger')
  await mkdir(to)
  for (const path of modules) {
    const bytes = await readFile(path)
    await writeFile(join(to, basename(path)), readModuleSignature(bytes, path)?.content ?? bytes)
  }
  makeKernelKey(dir, 'stranger')
  const deps = { exec, workDir: dir }
  const key = await openKey(await lockKey({ key: 'stranger.key', certificate: 'stranger.pem' }, dir, deps), deps)
  await signModules({ root, buildTree, binds: [{ from: usrSrc, to: '/usr/src' }], dir: to, modules: modules.map((path) => basename(path)), key, hash: 'sha512', jobs: 2 }, deps)
  return modules.map((path) => join(to, basename(path)))
}
