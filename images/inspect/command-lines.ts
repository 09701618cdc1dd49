import type { OpenIso } from './router-image.ts'

const menus = /(^|\/)((isolinux|syslinux|grub)\/.*\.cfg|(isolinux|syslinux|extlinux|grub)\.cfg)$/i
const maxMenuBytes = 1048576

/** The kernel command lines in an ISO's boot menus, each once, in the order of their files. @throws ForgeError E_ISO_DAMAGED */
export async function commandLinesOf(iso: OpenIso): Promise<string[]> {
  const found = new Set<string>()
  for (const entry of iso.entries.filter(({ path, directory, sizeBytes }) => !directory && sizeBytes <= maxMenuBytes && menus.test(path))) {
    const text = await iso.open(entry).read(0, entry.sizeBytes)
    for (const line of commandLinesIn(text.toString('utf8'))) found.add(line)
  }
  return [...found]
}

/** In a menu of SYSLINUX (`append …`, `linux FILE …`) or GRUB (`linux FILE …`). What variables of GRUB hold stays unknown. */
export function commandLinesIn(menu: string): string[] {
  return [...menu.matchAll(/^[ \t]*(?:append|(?:linux(?:efi|16)?|kernel)[ \t]+\S+)[ \t]+(\S.*?)[ \t\r]*$/gim)].map(([, words = '']) => words)
}
