const gpl2 = `License: GPL-2
 This program is free software; you can redistribute it and/or modify
 it under the terms of the GNU General Public License as published by
 the Free Software Foundation; version 2 dated June, 1991.
 .
 This program is distributed in the hope that it will be useful,
 but WITHOUT ANY WARRANTY; without even the implied warranty of
 MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
 GNU General Public License for more details.
 .
 On Debian systems, the full text of the GNU General Public License version 2
 can be found in the file \`/usr/share/common-licenses/GPL-2'.
`

const gpl2OrLater = `License: GPL-2+
 This program is free software; you can redistribute it and/or modify
 it under the terms of the GNU General Public License as published by
 the Free Software Foundation; either version 2 of the License, or
 (at your option) any later version.
 .
 On Debian systems, the full text of the GNU General Public License version 2
 can be found in the file \`/usr/share/common-licenses/GPL-2'.
`

const expat = `License: Expat
 Permission is hereby granted, free of charge, to any person obtaining a copy
 of this software and associated documentation files (the "Software"), to deal
 in the Software without restriction, including without limitation the rights
 to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
 copies of the Software, and to permit persons to whom the Software is
 furnished to do so, subject to the following conditions:
 .
 The above copyright notice and this permission notice shall be included in
 all copies or substantial portions of the Software.
 .
 THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN
 THE SOFTWARE.
`

const header = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Jool
Upstream-Contact: Jool Team <jool@nic.mx>
Source: https://github.com/NICMx/Jool
Comment:
 The source that belongs to this package, and the scripts that control its
 compilation and installation, are published beside it as jool_*.orig.tar.xz
 and jool_*.packaging.tar.xz. The latter is of the program nat64-forge, in the
 version that its package.json names.
`

const ownHeader = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: nat64-forge
Comment:
 The source of this package is published beside it, in jool_*.packaging.tar.xz:
 its folders packaging/nat64ctl, packaging/vyos-nat64 and packaging/cli-tree.
`

const jool = `Files: *
Copyright: 2011-2024 NIC Mexico <jool@nic.mx>
${gpl2}`

// Linked into the programs only; the kernel modules contain nothing of it.
const cJson = `Files: src/usr/util/cJSON.h src/usr/util/cJSON.c
Copyright: 2009 Dave Gamble
${expat}`

const packaging = (files: string): string => `Files: ${files}
Copyright: 2026 nat64-forge contributors
${gpl2OrLater}`

/** Machine-readable copyright files (DEP-5) of the binary packages. */
export const copyright = {
  modules: [header, jool, packaging('packaging/jool-modules/*')].join('\n'),
  /** Nothing of Jool is in it. */
  metapackage: [header, packaging('*')].join('\n'),
  tools: [header, jool, cJson, packaging('packaging/jool-tools/*')].join('\n'),
  /** Nothing of Jool is in it. */
  nat64ctl: [ownHeader, packaging('*')].join('\n'),
  /** Nothing of Jool or of VyOS is in it. */
  'vyos-nat64': [ownHeader, packaging('*')].join('\n'),
} as const
