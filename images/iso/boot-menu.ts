interface BootEntry {
  label: string
  commandLine: string
}

const timeoutSeconds = 1

/** isolinux.cfg for BIOS; speaks on the serial console too. */
export function isolinuxConfig({ label, commandLine }: BootEntry): string {
  return [
    'serial 0 115200',
    'default live',
    'prompt 0',
    `timeout ${String(timeoutSeconds * 10)}`,
    `say ${label}`,
    'label live',
    `  menu label ${label}`,
    '  linux /live/vmlinuz',
    '  initrd /live/initrd.img',
    `  append ${commandLine}`,
    '',
  ].join('\n')
}

/** grub.cfg for UEFI; the firmware's console and the serial line show the same. */
export function grubConfig({ label, commandLine }: BootEntry): string {
  return [
    'serial --unit=0 --speed=115200',
    'terminal_input console serial',
    'terminal_output console serial',
    `set timeout=${String(timeoutSeconds)}`,
    'set default=0',
    `menuentry "${label}" {`,
    `  linux /live/vmlinuz ${commandLine}`,
    '  initrd /live/initrd.img',
    '}',
    '',
  ].join('\n')
}
