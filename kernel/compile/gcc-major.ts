/** `12` of `gcc (Debian 12.2.0-14) 12.2.0` or `GCC: (Debian 12.2.0-14) 12.2.0`: the last version in the text is the compiler's own. */
export function gccMajor(versionText: string): string | undefined {
  return /(\d+)\.\d+(\.\d+)?\s*(\d{8})?$/.exec(versionText.trim())?.[1]
}
