declare const brand: unique symbol
/** A string that was parsed: look-alikes (a kernel release, a Debian version, a digest) cannot be mixed up. */
export type Brand<Name extends string> = string & { readonly [brand]: Name }
