import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ForgeError } from '../../../scripts/lib/errors.ts'
import type { IsoDeps } from '../deps.ts'
import type { ReferencePlan } from '../plan.ts'
import { versionJson, type VyosShape } from '../vyos-shape.ts'

/** What tells programs that this is VyOS; people are told that it is not. */
export async function writeVyosFiles(root: string, shape: VyosShape, plan: ReferencePlan): Promise<void> {
  const { version } = shape
  const files = {
    'usr/share/vyos/version.json': versionJson(shape, plan.target.sourceDateEpoch),
    'opt/vyatta/etc/version': `Version: ${version}\n`,
    'usr/lib/os-release': `PRETTY_NAME="VyOS ${version} (shape only: a test image of nat64-forge)"\nNAME="VyOS"\nVERSION_ID="${version}"\nVERSION="${version} (current)"\nVERSION_CODENAME=${plan.target.suite}\nID=vyos\n`,
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  for (const [link, target] of Object.entries({ 'boot/vmlinuz': `vmlinuz-${plan.release}`, 'boot/initrd.img': `initrd.img-${plan.release}` })) {
    await rm(join(root, link), { force: true })
    await symlink(target, join(root, link))
  }
  await rm(join(root, `lib/modules/${plan.release}/build`), { force: true })
}

/** VyOS's package: Jool's tools and modules in one, modules in `extra`, no service. Resolves to the file in `dir`. */
export async function makeShippedJool(dir: string, { joolPackageVersion: version }: VyosShape, plan: ReferencePlan, { before: { debs }, exec }: IsoDeps): Promise<{ name: string; path: string }> {
  const fileOf = (name: string): string => {
    const found = debs.packages.find((pkg) => pkg.name === name)
    if (found === undefined) throw new ForgeError('E_ISO', `there is no package ${name} to make the image's own jool package of`)
    return join(debs.dir, found.file)
  }
  const [tools, modules] = [fileOf('jool-tools'), fileOf(`jool-modules-${plan.release}`)]
  const tree = join(dir, 'jool')
  await mkdir(join(tree, 'DEBIAN'), { recursive: true })
  for (const deb of [tools, modules]) await exec(['dpkg-deb', '--extract', deb, tree], { doing: 'open the packages for the image\'s own jool package', errorCode: 'E_ISO' })
  await rm(join(tree, 'lib/systemd'), { recursive: true })
  await rename(join(tree, `lib/modules/${plan.release}/updates/jool`), join(tree, `lib/modules/${plan.release}/extra`))
  await rm(join(tree, `lib/modules/${plan.release}/updates`), { recursive: true })
  for (const folder of await readdir(join(tree, 'usr/share/doc'))) if (folder !== 'jool-tools') await rm(join(tree, 'usr/share/doc', folder), { recursive: true })
  await rename(join(tree, 'usr/share/doc/jool-tools'), join(tree, 'usr/share/doc/jool'))
  await rm(join(tree, 'usr/share/lintian'), { recursive: true })

  const { stdout } = await exec(['dpkg-deb', '--field', tools, 'Depends'], { doing: 'read what Jool\'s tools need', errorCode: 'E_ISO' })
  const libraries = stdout.trim().split(/,\s*/).filter((one) => one.startsWith('lib'))
  await writeFile(join(tree, 'DEBIAN/control'), [
    'Package: jool', `Version: ${version}`, `Architecture: ${plan.target.architecture}`, 'Maintainer: nat64-forge <nat64-forge@localhost>', 'Section: net', 'Priority: optional',
    `Depends: ${[`linux-image-${plan.release}`, ...libraries].join(', ')}`, 'Description: Jool as a VyOS-shaped image ships it', '',
  ].join('\n'))
  const path = join(dir, `jool_${version}_${plan.target.architecture}.deb`)
  await exec(['dpkg-deb', '--root-owner-group', '-Zxz', '--threads-max=1', '--build', tree, path], {
    env: { SOURCE_DATE_EPOCH: String(plan.target.sourceDateEpoch) }, doing: 'pack the image\'s own jool package', errorCode: 'E_ISO',
  })
  return { name: 'jool', path }
}
