import { describe, expect, test } from 'vitest'
import { commandLinesIn, startedKernelsIn } from '../../../../images/inspect/command-lines.ts'
import { forcedBy, signingPolicyOf } from '../../../../images/inspect/kernel.ts'
import { grubConfig, isolinuxConfig } from '../../../../images/iso/boot-menu.ts'
import { parseKernelConfig } from '../../../../scripts/formats/kconfig.ts'

describe('the command lines in a boot menu', () => {
  test('are read as ISOLINUX and GRUB write them', () => {
    const entry = { label: 'router', commandLine: 'boot=live module.sig_enforce=1 console=ttyS0' }
    expect(commandLinesIn(isolinuxConfig(entry))).toEqual([entry.commandLine])
    expect(commandLinesIn(grubConfig(entry))).toEqual([entry.commandLine])
    expect(commandLinesIn('LABEL live\r\n\tKERNEL /live/vmlinuz\r\n\tAPPEND initrd=/live/initrd.img boot=live \r\n# append not=this\nmenuentry "x" {\n  linuxefi "/live/vmlinuz" quiet lockdown=integrity\n  linux /live/vmlinuz\n  set default=0\n}\n')).toEqual([
      'initrd=/live/initrd.img boot=live', 'quiet lockdown=integrity',
    ])
  })

  test('name the kernels they start', () => {
    const entry = { label: 'router', commandLine: 'boot=live' }
    expect(startedKernelsIn(isolinuxConfig(entry))).toEqual(['live/vmlinuz'])
    expect(startedKernelsIn(grubConfig(entry))).toEqual(['live/vmlinuz'])
    expect(startedKernelsIn('KERNEL live/a\r\nlinux ($root)/live/b quiet\nlinuxefi "/live/c" x\nlinux_old /live/d\nappend /live/e\nlinux')).toEqual(['live/a', 'live/b', 'live/c'])
  })

  test('are found in time that grows as the menu does', () => {
    const blanks = ' '.repeat(1_000_000)
    expect(commandLinesIn(`append x${blanks}y\n${blanks}linux${blanks}z\nlinux a${blanks}b${blanks}`)).toEqual([`x${blanks}y`, 'b'])
  }, 5000)

  test.each([
    ['MODULE_SIG', 'boot=live module.sig_enforce=1', 'module.sig_enforce=1'],
    ['MODULE_SIG', 'module.sig_enforce', 'module.sig_enforce'],
    ['MODULE_SIG', 'module.sig-enforce=1', 'module.sig-enforce=1'],
    ['MODULE_SIG', 'module.sig-enforce=off module-sig_enforce=1', undefined],
    ['MODULE_SIG', 'module.sig_enforce=0 xmodule.sig_enforce=1 module.sig_enforced', undefined],
    ['MODULE_SIG', 'lockdown=integrity', undefined],
    ['MODULE_SIG SECURITY_LOCKDOWN_LSM', 'quiet lockdown=integrity', 'lockdown=integrity'],
    ['MODULE_SIG SECURITY_LOCKDOWN_LSM', 'lockdown=none', undefined],
    ['MODULE_SIG MODULE_SIG_FORCE', 'module.sig_enforce=1', 'CONFIG_MODULE_SIG_FORCE'],
    ['MODULE_SIG', '', undefined],
  ])('with %s and "%s": signatures are forced by %s', (options, line, by) => {
    const config = parseKernelConfig(options.split(' ').map((name) => `CONFIG_${name}=y\n`).join(''))
    expect(forcedBy(config, [line])).toBe(by)
    expect(signingPolicyOf(config, ['quiet', line])).toBe(by === undefined ? 'any' : 'forced')
  })

  test('force nothing in a kernel that knows no signatures', () => {
    expect(signingPolicyOf(parseKernelConfig('CONFIG_MODULES=y\nCONFIG_SECURITY_LOCKDOWN_LSM=y\n'), ['module.sig_enforce=1 lockdown=integrity'])).toBe('off')
  })
})
