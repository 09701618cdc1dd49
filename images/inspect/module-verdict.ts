import { parseElf } from '../../scripts/formats/elf.ts'
import { modinfoField, parseKernelModule, type KernelModule } from '../../scripts/formats/kernel-module.ts'
import { readModuleSignature, type ModuleSignature } from '../../scripts/formats/module-signature.ts'
import type { KernelExport } from '../../scripts/formats/vmlinux.ts'
import type { Certificate } from '../../scripts/formats/x509.ts'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { SigningPolicy } from './kernel.ts'
import type { ModuleProblem, ModuleVerdict } from './report.ts'

/** Where a symbol comes from. */
export interface SymbolSource extends KernelExport {
  source: string
}

/** What a kernel compares a module with. */
export interface LoadContext {
  release: string
  /** Undefined when neither the kernel nor a shipped module says it. */
  vermagic: string | undefined
  /** The kernel checks CRCs. */
  modversions: boolean
  signing: SigningPolicy | undefined
  /** Whether the kernel has a digest algorithm, by its name in a signature; undefined when its configuration is not known. */
  knowsHash: ((hash: string) => boolean) | undefined
  /** Undefined when the kernel image could not be read. */
  certificates: readonly Certificate[] | undefined
  /** Exported by the kernel, its modules, and the other modules in question. */
  exports: { get: (symbol: string) => SymbolSource | undefined }
  /** Every symbol that the image exports is in `exports`, so that a missing one is missing. */
  complete: boolean
  /** The kernel gives symbols of a namespace also to modules that do not import it. */
  namespacesOptional: boolean
  /** Of `struct module`, by a module that the image ships; undefined when none was looked at. */
  structBytes: number | undefined
  /** Secure Boot locks this kernel down, and then it takes only signed modules. */
  lockdownUnderSecureBoot: boolean
}

/** A module in question, unpacked. */
export interface GivenModule {
  file: string
  bytes: Buffer
}

const x86 = 62
const moduleSection = '.gnu.linkonce.this_module'
/** Sections without which the loader takes a file for no module. */
const asked: Readonly<Record<string, string>> = {
  '.symtab': 'it has no symbol table: more than its debug information was stripped',
  [moduleSection]: 'it has no .gnu.linkonce.this_module, which is the module itself to the kernel',
}
const gplLicences = /^(GPL( v2)?|GPL and additional rights|Dual (BSD|MIT|MPL)\/GPL)$/

/** Whether the kernel would load a module: the questions of its own loader, in the loader's order. */
export function judgeModule({ file, bytes }: GivenModule, context: LoadContext): ModuleVerdict {
  const problems: ModuleProblem[] = []
  const notes: string[] = []
  const verdict: ModuleVerdict = { file, name: null, version: null, vermagic: null, loads: false, problems, notes, signature: null, crcsChecked: 0, forIptables: false }
  judgeSignature(verdict, bytes, context)
  let module: KernelModule
  try {
    // A module for another architecture is said to be that, not merely damaged.
    const elf = parseElf(bytes, file)
    if (elf.machine !== x86) problems.push({ check: 'architecture', message: 'it is for another architecture than amd64', remedy: 'build it for amd64' })
    module = parseKernelModule(bytes, file)
    for (const [section, message] of Object.entries(asked)) if (elf.section(section) === undefined) problems.push({ check: 'file', message, remedy: 'strip it with `strip --strip-debug`, or build it again' })
    judgeStruct(verdict, elf.section(moduleSection)?.data.length, context)
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error
    problems.push({ check: 'file', message: error.message, remedy: error.hint ?? 'build the module again' })
    return verdict
  }
  verdict.name = modinfoField(module, 'name') ?? null
  verdict.version = modinfoField(module, 'version') ?? null
  verdict.vermagic = modinfoField(module, 'vermagic') ?? null
  verdict.forIptables = module.imports.some((symbol) => /^xt_register_(target|match)(es|s)?$/.test(symbol))
  judgeVermagic(verdict, module, context)
  judgeSymbols(verdict, module, context)
  verdict.loads = problems.length === 0
  return verdict
}

function judgeSignature(verdict: ModuleVerdict, bytes: Buffer, { release, signing, knowsHash, certificates, lockdownUnderSecureBoot }: LoadContext): void {
  const { problems, notes } = verdict
  const remedy = 'sign it with the key whose certificate is in this kernel; if that key is gone, build kernel and modules together (`headers.provider: source`)'
  let signature: ModuleSignature | undefined
  try {
    signature = readModuleSignature(bytes, verdict.file)
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error
    // Damaged signatures are refused by every kernel that reads them at all.
    if (signing !== 'off') problems.push({ check: 'signature', message: error.message, remedy: 'sign it again' })
    return
  }
  const signer = signature && certificates?.find((certificate) => signature.names(certificate))
  const valid = signature && certificates ? (signer ? signature.verify(signer) : null) : null
  if (signature) verdict.signature = { signer: signature.signer, hash: signature.hash, keyId: signature.keyId, valid }
  if (signing === 'off') return
  if (signer && valid === false) {
    problems.push({ check: 'signature', message: `it names the key of "${signer.facts.subject}", and that key did not sign these bytes: the module was changed after signing`, remedy: 'sign it again, or get it again' })
    return
  }
  if (signature && knowsHash?.(signature.hash) === false) {
    // The kernel's own error is ENOPKG, which one that does not force signatures takes for "not signed".
    const message = `it is signed over ${signature.hash}, which this kernel was built without`
    if (signing === 'forced') problems.push({ check: 'signature', message, remedy: `sign it with a digest that the kernel has, or build the kernel with CONFIG_CRYPTO_${hashOption(signature.hash)}` })
    else notes.push(`${message}; the kernel loads it and is tainted`)
    return
  }
  if (signing === undefined) {
    if (release !== '') notes.push('whether the kernel asks for signatures is not known: neither it nor the image has its configuration')
    return
  }
  const known = certificates === undefined ? 'which the kernel trusts could not be read' : certificates.length === 0 ? 'the kernel has no certificate' : `the kernel trusts ${certificates.map(({ facts }) => `"${facts.subject}" (key ${facts.serial})`).join(', ')}`
  const why = signature ? `it is signed by "${signature.signer}" (key ${signature.keyId}), and ${known}` : `it is not signed, and ${known}`
  if (signer) return
  if (signing === 'forced') problems.push({ check: 'signature', message: `${why}; this kernel loads only modules that it can verify`, remedy })
  else notes.push(`${why}; the kernel loads it and is tainted${lockdownUnderSecureBoot ? ', but refuses it when Secure Boot is on, unless its key is enrolled as a machine owner key' : ''}`)
}

/** The kernel option, without its prefix CONFIG_CRYPTO_, that brings a digest: each also brings its shorter form. */
export function hashOption(hash: string): string {
  if (hash.startsWith('sha3-')) return 'SHA3'
  return hash === 'sha1' ? 'SHA1' : hash === 'sha224' || hash === 'sha256' ? 'SHA256' : 'SHA512'
}

function judgeStruct({ problems, notes }: ModuleVerdict, bytes: number | undefined, { structBytes, modversions, release }: LoadContext): void {
  if (release !== '' && !modversions) notes.push('this kernel compares no CRCs (it is built without CONFIG_MODVERSIONS): that its structures are those the module was built with is not known')
  if (bytes === undefined || structBytes === undefined || bytes === structBytes) return
  problems.push({ check: 'file', message: `its ${moduleSection} has ${String(bytes)} bytes, and those of the image's own modules ${String(structBytes)}: it was built for another kernel`, remedy: `build it against the headers of ${release}` })
}

function judgeVermagic(verdict: ModuleVerdict, module: KernelModule, { vermagic, modversions, release }: LoadContext): void {
  if (vermagic === undefined) return
  const got = verdict.vermagic ?? ''
  // With CRCs on both sides the kernel does not compare releases, only what follows.
  const byCrc = modversions && module.versions.size > 0
  const compared = (text: string): string => byCrc ? text.slice(text.indexOf(' ') + 1) : text
  if (compared(got) !== compared(vermagic)) {
    verdict.problems.push({ check: 'vermagic', message: `it was built for "${got.trim()}", the kernel is "${vermagic.trim()}"`, remedy: `build it against the headers of ${release}` })
  } else if (got !== vermagic) {
    verdict.notes.push(`it was built for ${got.split(' ')[0] ?? ''}; this kernel compares CRCs instead of releases, but modprobe looks for modules of ${release} only`)
  }
}

function judgeSymbols(verdict: ModuleVerdict, module: KernelModule, { exports, complete, modversions, release, vermagic, namespacesOptional }: LoadContext): void {
  const { problems } = verdict
  if (!complete) verdict.notes.push('the image has no kernel image: CRCs were compared with what the shipped modules were built against')
  const missing = complete ? module.imports.filter((symbol) => exports.get(symbol) === undefined) : []
  if (missing.length > 0) {
    problems.push({ check: 'symbols', message: `it needs ${missing.length === 1 ? 'a symbol' : `${String(missing.length)} symbols`} that nothing in the image exports: ${list(missing)}`, remedy: 'give all modules that belong together; else enable the kernel option that exports it, or use another version of Jool' })
  }
  const licence = modinfoField(module, 'license') ?? ''
  const forbidden = gplLicences.test(licence) ? [] : module.imports.filter((symbol) => exports.get(symbol)?.gplOnly === true)
  if (forbidden.length > 0) problems.push({ check: 'licence', message: `its licence "${licence}" does not give it ${list(forbidden)}`, remedy: 'build Jool from its own sources' })
  const imported = new Set(module.info.flatMap(([key, value]) => key === 'import_ns' ? [value] : []))
  const namespaces = [...new Set(module.imports.flatMap((symbol) => exports.get(symbol)?.namespace ?? []))].filter((namespace) => !imported.has(namespace))
  if (namespaces.length > 0 && !namespacesOptional) problems.push({ check: 'symbols', message: `it uses symbols of ${list(namespaces)} and does not import ${namespaces.length === 1 ? 'that namespace' : 'these namespaces'}`, remedy: `its source needs MODULE_IMPORT_NS(${namespaces[0] ?? ''})` })
  if (!modversions) return
  if (module.versions.size === 0) {
    // Forced loading is what the kernel calls it, and distributions turn it off.
    if (vermagic?.includes('modversions') === true) problems.push({ check: 'crc', message: 'it carries no CRCs, and the kernel asks for them', remedy: `build it against the headers of ${release}, with their Module.symvers` })
    return
  }
  const wrong: string[] = []
  for (const [symbol, built] of module.versions) {
    const exported = exports.get(symbol)
    if (exported?.crc === undefined) continue
    verdict.crcsChecked += 1
    if (exported.crc !== built) wrong.push(`${symbol} ${hex(built)}, ${exported.source} has ${hex(exported.crc)}`)
  }
  if (wrong.length > 0) {
    problems.push({ check: 'crc', message: `it was built against another kernel: ${String(wrong.length)} of ${String(verdict.crcsChecked)} CRCs differ: ${list(wrong)}`, remedy: 'use the headers, with Module.symvers, of exactly this kernel\'s build' })
  }
}

function list(items: readonly string[]): string {
  const shown = items.slice(0, 5).join(', ')
  return items.length > 5 ? `${shown} and ${String(items.length - 5)} more` : shown
}

function hex(crc: number): string {
  return `0x${crc.toString(16).padStart(8, '0')}`
}
