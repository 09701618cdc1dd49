import type { KernelRelease } from '../../scripts/domain/kernel-release.ts'
import type { KernelConfig } from '../../scripts/formats/kconfig.ts'

/**
 * The vermagic string of a kernel, put together as the kernel's include/linux/vermagic.h does (5.10 to 6.18, x86).
 * Ends in a space, as there.
 */
export function vermagicOf(release: KernelRelease, config: KernelConfig): string {
  const preemption = config.isSet('PREEMPT_RT') ? 'preempt_rt ' : config.isSet('PREEMPT_BUILD') || config.isSet('PREEMPT') || config.isSet('PREEMPTION') ? 'preempt ' : ''
  return [
    `${release} `,
    config.isSet('SMP') ? 'SMP ' : '',
    preemption,
    config.isSet('MODULE_UNLOAD') ? 'mod_unload ' : '',
    config.isSet('MODVERSIONS') ? 'modversions ' : '',
  ].join('')
}
