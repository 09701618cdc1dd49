import { openByteSource } from '../../formats/byte-source.ts'
import { readIso9660, type IsoEntry } from '../../formats/iso9660.ts'
import { ForgeError } from '../../lib/errors.ts'

/** Where the squashfs of a live ISO is. */
export async function squashfsOf(iso: string): Promise<IsoEntry> {
  await using source = await openByteSource(iso)
  const entry = (await readIso9660(source)).entries.find(({ path }) => path.endsWith('.squashfs'))
  if (!entry) throw new ForgeError('E_IMAGE_NO_ROOT', `${iso} has no squashfs`, { hint: 'give a live ISO with --image' })
  return entry
}
