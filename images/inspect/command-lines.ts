import { ForgeError } from '../../scripts/lib/errors.ts'
import type { OpenIso } from './router-image.ts'

const menus = /(^|\/)((isolinux|syslinux|grub)\/.*\.cfg|(isolinux|syslinux|extlinux|grub)\.cfg)$/i
const maxMenuBytes = 1048576
/** Of all menus: many names of an ISO may stand for the same bytes. */
const maxTotalBytes = 8 * maxMenuBytes

/** The kernel command lines in an ISO's boot menus, each once, in the order of their files. @throws ForgeError E_ISO_DAMAGED */
export async function commandLinesOf(iso: OpenIso): Promise<string[]> {
  return [...new Set((await menusOf(iso)).flatMap((menu) => commandLinesIn(menu)))]
}

/** Paths on the ISO of the kernels that its boot menus start, each once, in the order of their files. @throws ForgeError E_ISO_DAMAGED */
export async function startedKernelsOf(iso: OpenIso): Promise<string[]> {
  return [...new Set((await menusOf(iso)).flatMap((menu) => startedKernelsIn(menu)))]
}

async function menusOf(iso: OpenIso): Promise<string[]> {
  const found: string[] = []
  let total = 0
  for (const entry of iso.entries.filter(({ path, directory, sizeBytes }) => !directory && sizeBytes <= maxMenuBytes && menus.test(path))) {
    total += entry.sizeBytes
    if (total > maxTotalBytes) throw new ForgeError('E_ISO_DAMAGED', `${iso.source.name}: its boot menus have more than ${String(maxTotalBytes)} bytes together`, { hint: 'the ISO is damaged or made to do harm; get it again from a source you trust' })
    found.push((await iso.open(entry).read(0, entry.sizeBytes)).toString('utf8'))
  }
  return found
}

/** In a menu of SYSLINUX (`append …`, `linux FILE …`) or GRUB (`linux FILE …`). What variables of GRUB hold stays unknown. */
export function commandLinesIn(menu: string): string[] {
  // Each line on its own and trimmed, so that the pattern has one way to match: a menu is somebody else's.
  return menu.split('\n').flatMap((line) => /^(?:append|(?:linux(?:efi|16)?|kernel)[ \t]+\S+)[ \t]+(\S.*)$/i.exec(line.trim())?.[1] ?? [])
}

/** In such a menu: `live/vmlinuz` of `linux ($root)/live/vmlinuz …`. */
export function startedKernelsIn(menu: string): string[] {
  return menu.split('\n').flatMap((line) => /^(?:linux(?:efi|16)?|kernel)[ \t]+"?(?:\([^)]*\))?\/?([^\s"]+)/i.exec(line.trim())?.[1] ?? [])
}
