import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseKernelConfig, type KernelConfig } from '../../../../scripts/formats/kconfig.ts'
import { expectEqual, ForgeError } from '../../../../scripts/lib/errors.ts'
import type { RunDeps } from '../../../../scripts/pipeline/stage.ts'
import { readLocked } from './inputs.ts'
import { expectInForce, fragmentText, lastWords, requestedOptions, type RequestedOption } from './options.ts'
import type { SourceKernelPlan } from './plan.ts'
import { certificatePath, type Workshop } from './workshop.ts'

/**
 * The kernel's `.config`: the base, the fragments over it, and over them what the key policy needs.
 * @throws ForgeError E_KCONFIG, E_NO_MODULES, E_KERNEL
 */
export async function configure(plan: SourceKernelPlan, workshop: Workshop, deps: RunDeps<unknown>): Promise<KernelConfig> {
  deps.log.step('configuring the kernel')
  const asked: RequestedOption[] = []
  for (const file of plan.fragments) {
    asked.push(...requestedOptions((await readLocked(file)).toString('utf8'), 'shipped' in file ? `${file.shipped}.config` : basename(file.path)))
  }
  const options = lastWords([...asked, ...keyOptions(plan)])
  const make = (...words: string[]): Promise<unknown> => workshop.run(['make', ...words], { doing: 'configure the kernel', errorCode: 'E_KCONFIG' })
  const config = join(workshop.dir, 'linux/.config')
  if (plan.base === 'allnoconfig') {
    await writeFile(join(workshop.dir, 'requested.config'), fragmentText(options))
    await make('KCONFIG_ALLCONFIG=/build/kernel/requested.config', 'allnoconfig')
  } else {
    if (typeof plan.base === 'string') await make(plan.base)
    else await writeFile(config, await readLocked(plan.base))
    await appendFile(config, `\n${fragmentText(options)}`)
  }
  await make('olddefconfig')

  const text = await readFile(config, 'utf8')
  const parsed = parseKernelConfig(text)
  if (!parsed.isSet('MODULES')) {
    throw new ForgeError('E_NO_MODULES', 'the kernel is configured without CONFIG_MODULES, so Jool cannot be loaded', { hint: 'set CONFIG_MODULES=y' })
  }
  if (plan.signing.policy !== 'none' && !parsed.isSet('MODULE_SIG')) {
    throw new ForgeError('E_KCONFIG', 'the kernel is configured without CONFIG_MODULE_SIG, and headers.signing has a key', { hint: 'set CONFIG_MODULE_SIG=y, or write `signing: { key: none }`' })
  }
  if (plan.signing.policy === 'none' && parsed.isSet('MODULE_SIG')) {
    throw new ForgeError('E_KCONFIG', 'the kernel is configured with CONFIG_MODULE_SIG, and headers.signing has no key', { hint: 'write `signing: { key: ephemeral }` or name a key file, or switch CONFIG_MODULE_SIG off' })
  }
  expectInForce(options, text)
  const { stdout } = await workshop.run(['make', '-s', 'kernelrelease'], { doing: 'ask for the kernel\'s release', errorCode: 'E_COMPILE' })
  expectEqual(stdout.trim(), plan.release, 'E_KERNEL', 'the release of the configured kernel', 'the sources append to it (a file localversion*): name it in CONFIG_LOCALVERSION instead')
  return parsed
}

/** The kernel gets the certificate; modules are signed afterwards, so the private key is nowhere near the compiler. */
function keyOptions({ signing }: SourceKernelPlan): RequestedOption[] {
  if (signing.policy === 'none') return []
  const from = 'headers.signing'
  return [{ name: 'MODULE_SIG_KEY', value: `"${certificatePath}"`, from }, { name: 'MODULE_SIG_ALL', value: 'n', from }]
}

export const configHash = (config: KernelConfig): string => config.value('MODULE_SIG_HASH') ?? 'sha512'
