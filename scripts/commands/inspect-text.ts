import type { EngineVerdict, InspectReport, IsoFacts, KernelFacts, ModuleVerdict } from '../../images/inspect/artifact.ts'

/** A report of `inspect` for people. */
export function renderInspection(report: InspectReport): string {
  const { image, iso, squashfs, system, kernels, jool } = report
  const lines = [`${image.path}: ${image.kind === 'iso' ? 'ISO' : image.kind}${image.sizeBytes === null ? '' : `, ${mib(image.sizeBytes)}`}${iso ? `, volume ID ${iso.volumeId}` : ''}`]
  const row = (name: string, ...texts: string[]): void => { for (const [index, text] of texts.entries()) lines.push(`  ${(index === 0 ? name : '').padEnd(13)}${text}`) }
  row('system', [system.name ?? system.id ?? 'unknown', ...(system.vyosVersion === null ? [] : [`VyOS ${system.vyosVersion}`]), ...(system.suite === null ? [] : [`Debian ${system.suite}`]), ...(system.architecture === null ? [] : [system.architecture]),
    ...(system.packages === null ? [] : [`${String(system.packages)} packages`])].join(', '))
  if (report.injected) row('injected', ...injectedTexts(report.injected))
  if (kernels.length === 0) row('kernel', 'none')
  for (const kernel of kernels) row(kernel.boots ? 'kernel' : 'other kernel', ...kernelTexts(kernel))
  row('Jool', jool ? joolText(jool) : 'none')
  if (iso) row('boot', ...bootTexts(iso))
  if (squashfs) row('squashfs', `${squashfs.compressor}${squashfs.compressorOptions === '' ? '' : ` ${squashfs.compressorOptions}`}, blocks of ${String(squashfs.blockSizeBytes / 1024)} KiB, ${mib(squashfs.sizeBytes)}, ${String(squashfs.inodes)} inodes, ${squashfs.flags.join(' ')}`)
  if (iso) row('checksums', iso.checksumFile ? `${iso.checksumFile.path} over ${String(iso.checksumFile.entries)} files, ${iso.checksumFile.coversSquashfs ? 'the squashfs among them' : 'the squashfs not among them'}` : 'none')
  lines.push('', ...engineTable(report.engines))
  if (report.modules.length > 0) lines.push('', ...report.modules.flatMap(moduleTexts))
  // Names and texts are the image's: on a terminal they may not steer it.
  return `${lines.map((line) => line.replace(/\p{Cc}/gu, '?')).join('\n')}\n`
}

function injectedTexts({ packages, removed, scripts, kernel, source, tool }: NonNullable<InspectReport['injected']>): string[] {
  const named = (list: readonly { name: string; version: string }[]): string => list.map(({ name, version }) => `${name} ${version}`).join(', ')
  return [
    packages.length === 0 ? 'no packages' : named(packages),
    ...(removed.length === 0 ? [] : [`without ${named(removed)}`]), ...(kernel ? [`kernel ${kernel.release} in place of ${kernel.replaced.join(' and ')}`] : []),
    ...(scripts.length === 0 ? [] : [`${String(scripts.length)} ${scripts.length === 1 ? 'script' : 'scripts'} ran in it`]),
    `by ${tool.name} ${tool.version}, from the ISO with SHA-256 ${source.iso.sha256}`,
  ]
}

function kernelTexts(kernel: KernelFacts): string[] {
  const { config, modules } = kernel
  const signatures = kernel.signing === null ? 'its configuration is not in the image' : { off: 'does not look at signatures', any: 'looks at signatures, and loads unsigned modules too', forced: `loads signed modules only (${kernel.signatureHash ?? 'unknown hash'}${kernel.signingForcedBy?.startsWith('CONFIG_') === false ? `; the boot menu says ${kernel.signingForcedBy}` : ''})` }[kernel.signing]
  const texts = [`${kernel.release}${kernel.imageFile === null ? ', no image of it' : ` (${kernel.imageFile}${kernel.imageCompression === null ? '' : `, ${kernel.imageCompression}`})`}; ${signatures}`]
  if (config) texts.push(`symbol CRCs ${config['MODVERSIONS'] === 'y' ? 'checked' : 'not checked'}, unused symbols ${config['TRIM_UNUSED_KSYMS'] === 'y' ? 'trimmed' : 'kept'}, ${config['LOCK_DOWN_IN_EFI_SECURE_BOOT'] === 'y' ? 'locked down under Secure Boot' : config['SECURITY_LOCKDOWN_LSM'] === 'y' ? 'lockdown on request' : 'no lockdown'}`)
  if (kernel.vermagic !== null) texts.push(`vermagic "${kernel.vermagic.trim()}"`)
  texts.push(`${String(modules.count)} modules, ${modules.compression === 'none' ? 'uncompressed' : modules.compression}, ${modules.signer === null ? 'not signed' : `signed by "${modules.signer}"${modules.signatureValid === true ? ', which the kernel trusts' : modules.signatureValid === false ? ', which the kernel does not trust' : ''}`}`)
  for (const certificate of kernel.certificates ?? []) texts.push(`trusts "${certificate.subject}" (${certificate.serial})`)
  return texts
}

function joolText({ package: pkg, modules, tools }: NonNullable<InspectReport['jool']>): string {
  const version = modules[0]?.version
  return [
    pkg ? `package ${pkg.name} ${pkg.version}` : 'no package',
    modules.length === 0 ? 'no modules for this kernel' : `modules ${version ?? 'of unknown version'} (${modules.every(({ loads }) => loads) ? 'load' : 'refused'})`,
    tools.length === 0 ? 'no tools' : `tools ${tools.map((path) => path.split('/').at(-1) ?? '').join(' ')}`,
  ].join(', ')
}

function bootTexts({ boot, isohybrid, secureBoot }: IsoFacts): string[] {
  const records = boot.map(({ platform, path, bootable }) => `${{ bios: 'BIOS', uefi: 'UEFI', other: 'other' }[platform]}${bootable ? '' : ' (not bootable)'} ${path ?? 'outside every file'}`)
  const stick = [...(isohybrid.mbr ? ['MBR'] : []), ...(isohybrid.gpt ? ['GPT'] : [])]
  return [
    `${records.length === 0 ? 'no El Torito record' : records.join(', ')}; USB stick: ${stick.length === 0 ? 'no' : stick.join(' and ')}`,
    `Secure Boot: ${secureBoot.shim ? 'shim' : 'no shim'}${secureBoot.signer === null ? '' : `, signed by "${secureBoot.signer}"`}`,
  ]
}

const works: Readonly<Record<EngineVerdict['works'], string>> = { now: 'now', 'with-packages': 'packages', no: 'no' }

function engineTable(engines: readonly EngineVerdict[]): string[] {
  const cells = (...[engine, mode, answer, text]: [string, string, string, string]): string => `${engine.padEnd(12)}${mode.padEnd(15)}${answer.padEnd(10)}${text}`.trimEnd()
  return [cells('engine', 'mode', 'works', 'why'), ...engines.flatMap((row) => [cells(row.engine, row.mode, works[row.works], row.why), ...(row.remedy === '' ? [] : [cells('', '', '', `next: ${row.remedy}`)])])]
}

function moduleTexts({ file, loads, version, problems, notes, signature, crcsChecked }: ModuleVerdict): string[] {
  const facts = [...(version === null ? [] : [`version ${version}`]), ...(crcsChecked === 0 ? [] : [`${String(crcsChecked)} CRCs compared`]), signature ? `signed by "${signature.signer}" (${signature.hash})` : 'not signed']
  return [
    `${file}: ${loads ? 'loads' : 'refused'} (${facts.join(', ')})`,
    ...problems.flatMap(({ check, message, remedy }) => [`  ${check}: ${message}`, `    next: ${remedy}`]),
    ...notes.map((note) => `  note: ${note}`),
  ]
}

function mib(bytes: number): string {
  return `${(bytes / 1048576).toFixed(1)} MiB`
}
