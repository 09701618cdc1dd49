import { ForgeError } from '../../scripts/lib/errors.ts'
import type { OpenIso } from './router-image.ts'

const menus = /(^|\/)((isolinux|syslinux|grub)\/.*\.cfg|(isolinux|syslinux|extlinux|grub)\.cfg)$/i
const maxMenuBytes = 1048576
/** Of all menus: many names of an ISO may stand for the same bytes. */
const maxTotalBytes = 8 * maxMenuBytes

/** The kernel command lines in an ISO's boot menus, each once, in the order of their files. @throws ForgeError E_ISO_DAMAGED */
export async function commandLinesOf(iso: OpenIso): Promise<string[]> {
  const found = new Set<string>()
  let total = 0
  for (const entry of iso.entries.filter(({ path, directory, sizeBytes }) => !directory && sizeBytes <= maxMenuBytes && menus.test(path))) {
    total += entry.sizeBytes
    if (total > maxTotalBytes) throw new ForgeError('E_ISO_DAMAGED', `${iso.source.name}: its boot menus have more than ${String(maxTotalBytes)} bytes together`, { hint: 'the ISO is damaged or made to do harm; get it again from a source you trust' })
    const text = await iso.open(entry).read(0, entry.sizeBytes)
    for (const line of commandLinesIn(text.toString('utf8'))) found.add(line)
  }
  return [...found]
}

/** In a menu of SYSLINUX (`append …`, `linux FILE …`) or GRUB (`linux FILE …`). What variables of GRUB hold stays unknown. */
export function commandLinesIn(menu: string): string[] {
  // Each line on its own and trimmed, so that the pattern has one way to match: a menu is somebody else's.
  return menu.split('\n').flatMap((line) => /^(?:append|(?:linux(?:efi|16)?|kernel)[ \t]+\S+)[ \t]+(\S.*)$/i.exec(line.trim())?.[1] ?? [])
}
