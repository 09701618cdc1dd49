import { ForgeError } from '../lib/errors.ts'
import type { Brand } from './brand.ts'

/** Jool's own version, three numbers: `4.1.13`. Modules and tools must agree in it: their netlink protocol differs between releases. */
export type JoolVersion = Brand<'JoolVersion'>

/** @throws ForgeError E_SOURCE */
export function joolVersion(text: string): JoolVersion {
  if (!/^\d+\.\d+\.\d+$/.test(text)) throw new ForgeError('E_SOURCE', `"${text}" is not a version of Jool`, { hint: 'write three numbers, for example 4.1.13' })
  return text as JoolVersion
}

/** The upstream part of a Debian version: `4.1.13` of `1:4.1.13-1.1`. @throws ForgeError E_SOURCE */
export function upstreamPart(debianVersion: string): JoolVersion {
  return joolVersion(debianVersion.replace(/^\d+:/, '').replace(/-[^-]*$/, '').replace(/[+~].*$/, ''))
}
