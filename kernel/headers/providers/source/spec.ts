import { z } from 'zod'
import { lockedPackage, packageVersion, remoteFile } from '../../../../scripts/domain/remote-file.ts'
import { suites } from '../../../../scripts/domain/suite.ts'
import { lockedJoolPatch } from '../../../compile/patches.ts'
import { kernelKeyLocked, kernelKeySpec } from '../../../signing/spec.ts'
import { lockedForAll } from '../../provider.ts'

// A kernel that is compiled here, from its sources, with packages of its own.

const version = z.string().regex(/^\d+\.\d+\.\d+$/, 'three numbers, for example 6.12.48; the first of a series is 6.12.0')
const path = z.string().min(1)
const digest = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256: 64 hexadecimal digits, lower case')

export const sourceSpec = z.strictObject({
  provider: z.literal('source'),
  kernel: z.discriminatedUnion('from', [
    z.strictObject({
      from: z.literal('debian'),
      package: z.string().regex(/^linux-source-\d+\.\d+$/, 'a package like linux-source-6.12').default('linux-source-6.12').describe('Debian\'s package of the sources.'),
      suite: z.enum(suites).optional().describe('Where the package is taken from. Default: the target\'s suite.'),
      version: packageVersion.optional().describe('Its exact Debian version. Default: the newest.'),
    }).describe('Debian\'s sources, with Debian\'s patches.'),
    z.strictObject({
      from: z.literal('url'),
      version: version.describe('The kernel\'s version.'),
      url: z.string().regex(/^(https?|file):\/\/.*\.tar(\.(xz|gz|zst|bz2))?$/, 'an http:, https: or file: URL of a tar archive').describe('A tar archive with the sources in one folder.'),
      sizeBytes: z.number().int().positive().describe('Its size in bytes.'),
      sha256: digest.describe('Its SHA-256.'),
    }).describe('Sources from elsewhere.'),
  ]).prefault({ from: 'debian' }).describe('The kernel\'s sources.'),
  patches: z.array(path).default([]).describe('Patches in their order, or files named `series` that list them as quilt does; relative to this file.'),
  config: z.strictObject({
    base: path.default('allnoconfig').describe('allnoconfig, tinyconfig or defconfig; or a whole configuration, relative to this file.'),
    fragments: z.array(path).optional().describe('Laid over the base, in order: `router` or `debian-secure-boot`, which come with nat64-forge, or files relative to this one. Every option must be in force in the end. Default: router and, for Debian\'s sources, debian-secure-boot; none over a whole configuration.'),
  }).prefault({}).describe('The kernel\'s configuration.'),
  revision: z.number().int().min(1).max(9999).default(1).describe('Of the kernel\'s packages: raise it to publish the same version again.'),
  signing: kernelKeySpec,
}).describe('A kernel compiled from its sources, with packages of its own; its key signs Jool\'s modules too.')
export type SourceKernelSpec = z.infer<typeof sourceSpec>

/** A file of the person's or of this project's, at exactly these bytes. */
const lockedFile = z.strictObject({ path: z.string(), sha256: digest })

export const sourceLocked = z.strictObject({
  provider: z.literal('source'),
  ...lockedForAll,
  version,
  sources: z.discriminatedUnion('from', [
    z.strictObject({ from: z.literal('debian'), package: lockedPackage }),
    z.strictObject({ from: z.literal('url'), tarball: remoteFile }),
  ]),
  patches: z.array(lockedFile.extend({ strip: z.number().int().min(0).max(9) })),
  /** A make target, or a file. */
  base: z.union([z.enum(['allnoconfig', 'tinyconfig', 'defconfig']), lockedFile]),
  /** Those that come with nat64-forge by name. */
  fragments: z.array(z.union([lockedFile, z.strictObject({ shipped: z.string().regex(/^[a-z0-9-]+$/), sha256: digest })])),
  revision: z.number().int(),
  signing: kernelKeyLocked,
  /** Patches to Jool's sources, where its modules are compiled with the kernel. */
  joolPatches: z.array(lockedJoolPatch).optional(),
  /** Every package of the build root. */
  buildRoot: z.array(lockedPackage),
})
export type SourceKernelLocked = z.infer<typeof sourceLocked>
