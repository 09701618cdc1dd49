import { z } from 'zod'
import { lockedPackage } from '../../../scripts/domain/remote-file.ts'
import { fileByUrl, lockedFile } from '../../../scripts/lib/given-file.ts'
import { injectModes } from '../../inject/artifact.ts'

// Somebody's router ISO with our packages in it, in place of one that is made here.

export const existingSpec = z.strictObject({
  kind: z.literal('existing'),
  from: z.union([
    z.string().regex(/\.iso$/, 'an .iso file').describe('A path, relative to this file.'),
    fileByUrl('iso', 'ISO'),
  ]).describe('The router\'s live ISO. It is not changed.'),
  kernel: z.enum(['own', 'replace']).default('own').describe('own: the image\'s kernel stays; `headers` must be of that kernel. replace: the kernel package of the `headers` section takes its place.'),
  mode: z.enum(injectModes).default('graft').describe('graft: add what changed to the squashfs; repack: pack all of it again; layer: a second squashfs, for live boot only.'),
  packages: z.array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'a Debian package name')).default([]).describe('Further packages of the suite to install.'),
  script: z.string().min(1).optional().describe('A program to run in the image\'s root after the packages; relative to this file.'),
}).refine(({ kernel, mode }) => kernel === 'own' || mode !== 'layer', { path: ['mode'], error: 'a layer cannot replace a kernel: an initrd reads its modules before layers are stacked' })
  .describe('An existing router ISO, with the built packages in it.')
export type ExistingSpec = z.infer<typeof existingSpec>

export const existingLocked = z.strictObject({
  kind: z.literal('existing'),
  from: lockedFile,
  /** Of the suite: the further packages, and what they and ours may need that the image has not. */
  packages: z.array(lockedPackage),
  script: lockedFile.optional(),
})
export type ExistingLocked = z.infer<typeof existingLocked>
