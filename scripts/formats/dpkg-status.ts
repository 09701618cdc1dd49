/** A package of dpkg's status file. */
export interface InstalledPackage {
  name: string
  version: string
  architecture: string
}

/** The installed packages; removed ones whose configuration stayed are left out. */
export function parseDpkgStatus(text: string): InstalledPackage[] {
  const packages: InstalledPackage[] = []
  for (const paragraph of text.split(/\n{2,}/)) {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1] ?? ''
    if (/^Status: \S+ \S+ installed$/m.test(paragraph)) packages.push({ name: field('Package'), version: field('Version'), architecture: field('Architecture') })
  }
  return packages
}
