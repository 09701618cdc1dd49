import type { KernelRelease } from '../../scripts/domain/kernel-release.ts'
import type { CertificateFacts } from '../../scripts/formats/x509.ts'
import type { InjectManifest } from './manifest.ts'
import type { ModuleCompression } from './module-files.ts'
import type { SigningPolicy } from './kernel.ts'

/** The answer of `nat64-forge inspect`: what is in an image, and what would translate there. Printed as it is with `--json`. */
export interface InspectReport {
  image: { path: string; kind: 'iso' | 'squashfs' | 'folder'; sizeBytes: number | null }
  iso: IsoFacts | null
  squashfs: SquashfsFacts | null
  system: SystemFacts
  /** What `nat64-forge inject` put into it; null when it did not. */
  injected: InjectManifest | null
  /** Newest last; a router image has one. */
  kernels: KernelFacts[]
  jool: ShippedJool | null
  /** What would translate on the kernel that boots. */
  engines: EngineVerdict[]
  /** One for each file given with `--modules`. */
  modules: ModuleVerdict[]
}

export interface IsoFacts {
  volumeId: string
  /** The root file system's path on the ISO. */
  squashfs: string
  boot: BootRecord[]
  /** Partition tables that let the ISO boot from a USB stick. */
  isohybrid: { mbr: boolean; gpt: boolean; partitions: { type: string; startBytes: number; sizeBytes: number }[] }
  /** The EFI program that the firmware starts is shim, so the ISO is meant for Secure Boot. */
  secureBoot: { shim: boolean; signer: string | null }
  /** Kernel command lines in the boot menus of ISOLINUX and GRUB, each once. */
  commandLines: string[]
  /** What an installer checks before it copies; null when there is none. */
  checksumFile: { path: string; algorithm: 'sha256' | 'md5' | 'sha512' | 'sha1'; entries: number; coversSquashfs: boolean } | null
}

/** One entry of the El Torito boot catalogue. */
export interface BootRecord {
  platform: 'bios' | 'uefi' | 'other'
  bootable: boolean
  /** In units of 512 bytes, as the catalogue has it. */
  loadSectors: number
  /** Where the boot image starts, in blocks of 2048 bytes. */
  block: number
  /** Its path on the ISO; null when it lies outside every file. */
  path: string | null
}

export interface SquashfsFacts {
  compressor: string
  /** Options as the image says them: `xz -Xbcj x86`; empty when it says nothing. */
  compressorOptions: string
  blockSizeBytes: number
  sizeBytes: number
  inodes: number
  fragments: number
  /** mksquashfs's own words for the flags: `always-use-fragments`, `no-xattrs`, … */
  flags: string[]
  /** Seconds since 1970. */
  createdAt: number
}

export interface SystemFacts {
  /** `ID` of os-release: debian, vyos. */
  id: string | null
  /** `PRETTY_NAME` of os-release. */
  name: string | null
  /** Debian's code name: bookworm. */
  suite: string | null
  vyosVersion: string | null
  /** dpkg's own architecture. */
  architecture: string | null
  /** How many packages are installed; null without dpkg. */
  packages: number | null
}

export interface KernelFacts {
  release: KernelRelease
  /** The one that boots live: its image on the ISO, or the only one. */
  boots: boolean
  /** Where its image was read: `live/vmlinuz` on the ISO, `boot/vmlinuz-…` in the root; null when there is none. */
  imageFile: string | null
  /** The compression of its image: xz, zstd, gzip … */
  imageCompression: string | null
  /** Debian's name: amd64, arm64. */
  architecture: string | null
  configFile: string | null
  /** The options that decide: y, m, n or a text; null when there is no configuration. */
  config: Record<string, string> | null
  vermagic: string | null
  signing: SigningPolicy | null
  /** The option, or the word on a command line in the ISO's boot menus, that forces signatures; null when nothing does. */
  signingForcedBy: string | null
  /** CONFIG_MODULE_SIG_HASH. */
  signatureHash: string | null
  /** Certificates inside the kernel image, which vouch for modules; null when it was not unpacked: only that of the kernel that boots is. */
  certificates: CertificateFacts[] | null
  /** Symbols that the kernel itself exports; null likewise. */
  exports: number | null
  modules: {
    count: number
    compression: ModuleCompression | 'mixed'
    /** Who signed the ones that were looked at; null when they are not signed. */
    signer: string | null
    /** Whether a certificate inside the kernel vouches for that signature; null when there is none to check. */
    signatureValid: boolean | null
  }
}

export interface ShippedJool {
  /** Of the package that brings it; null when modules or tools came without one. */
  package: { name: string; version: string } | null
  /** Each module for the kernel that boots, judged like those of `--modules`. */
  modules: ModuleVerdict[]
  /** Paths of its programs and iptables plug-ins. */
  tools: string[]
}

export type Works = 'now' | 'with-packages' | 'no'

/** One row of the table. */
export interface EngineVerdict {
  engine: 'Jool NAT64' | 'Jool SIIT' | 'TAYGA'
  mode: 'netfilter' | 'iptables' | 'own namespace' | 'tun'
  /** `now`: with what the image has. `with-packages`: once packages are installed, with modules built for exactly this kernel. */
  works: Works
  why: string
  /** What to do; empty when there is nothing to do. */
  remedy: string
}

export interface ModuleVerdict {
  file: string
  /** From .modinfo. */
  name: string | null
  version: string | null
  vermagic: string | null
  loads: boolean
  /** Everything that the kernel would refuse it for, and what to do about each. */
  problems: ModuleProblem[]
  /** Holds only under conditions that the image does not decide: Secure Boot, for example. */
  notes: string[]
  signature: { signer: string; hash: string; keyId: string; valid: boolean | null } | null
  /** Imported symbols whose CRC was compared with what the image exports. */
  crcsChecked: number
  /** It registers a target or match of iptables: without, a module of Jool knows no mode iptables. */
  forIptables: boolean
}

export interface ModuleProblem {
  check: 'file' | 'architecture' | 'vermagic' | 'licence' | 'symbols' | 'crc' | 'signature'
  message: string
  remedy: string
}
