/** Numbers that look random and are the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): { below: (limit: number) => number; chance: (probability: number) => boolean; of: <Item>(items: readonly Item[]) => Item } {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return { below, chance: (probability) => next() < probability, of: (items) => items[below(items.length)] ?? items[0] as never }
}

export interface RandomTree {
  /** Lines for a shell whose working folder is the lower tree. */
  make: string[]
  /** Lines for a shell whose working folder is the overlay over it. */
  change: string[]
}

/** A tree of files of every kind, and changes of every kind to it. */
export function randomTree(seed: number): RandomTree {
  const { below, chance, of } = randomNumbers(seed)
  const folders = ['.']
  const files: string[] = []
  const others: string[] = []
  const make: string[] = []
  const name = (): string => of([`n${String(below(1000))}`, `ein name ${String(below(50))}`, `\\xff${String(below(50))}`, `${'long-'.repeat(below(40) + 1)}${String(below(9))}`])
  const path = (): string => `${of(folders)}/${name()}`
  const quoted = (text: string): string => `"$(printf '%b' '${text}')"`
  const free = (): string => {
    for (;;) {
      const chosen = path()
      if (![...folders, ...files, ...others].includes(chosen)) return chosen
    }
  }
  const content = (): string => {
    const bytes = of([0, 1, 100, 4095, 4096, 4097, 20_000, below(300_000)])
    return chance(0.5) ? `head -c ${String(bytes)} /dev/zero | tr '\\0' '${of(['a', 'b', '\\n'])}'` : `openssl enc -aes-128-ctr -nosalt -K ${String(below(10 ** 9)).padStart(32, '0')} -iv 00000000000000000000000000000000 < /dev/zero 2> /dev/null | head -c ${String(bytes)}`
  }
  const file = (at: string): string => `{ ${content()}; } > ${quoted(at)}`
  const attribute = (at: string): string => `python3 -c 'import os,sys; os.setxattr(os.fsencode(sys.argv[1]), "${of(['user.a', 'user.long-name-of-an-attribute', 'trusted.t', 'security.ima'])}", b"${'v'.repeat(below(70))}")' ${quoted(at)}`
  const touched = (at: string): string => `touch --no-dereference --date=@${String(1_600_000_000 + below(10 ** 8))} ${quoted(at)}`
  const owned = (at: string): string => `chown --no-dereference ${String(of([0, 1, 1000, 100_000, 4_000_000_000]))}:${String(of([0, 5, 70_000]))} ${quoted(at)}`
  const add = (lines: string[]): void => {
    const at = free()
    switch (below(10)) {
      case 0: case 1: lines.push(`mkdir ${quoted(at)}`); folders.push(at); break
      case 2: lines.push(`ln -s ${quoted(of([path(), '/etc/passwd', '..']))} ${quoted(at)}`); others.push(at); break
      case 3: lines.push(of([`mkfifo ${quoted(at)}`, `mknod ${quoted(at)} c 7 ${String(below(300))}`, `mknod ${quoted(at)} b 8 ${String(below(300))}`])); others.push(at); break
      case 4: lines.push(files.length > 0 ? `ln ${quoted(of(files))} ${quoted(at)}` : file(at)); files.push(at); break
      case 5: lines.push(file(at), `truncate -s +${String(below(400_000))} ${quoted(at)}`); files.push(at); break
      default: lines.push(file(at)); files.push(at)
    }
    if (chance(0.2)) lines.push(owned(at))
    if (chance(0.15) && !others.includes(at)) lines.push(attribute(at))
    if (chance(0.1) && !others.includes(at)) lines.push(`chmod ${of(['4755', '600', '1777', '0'])} ${quoted(at)}`)
    lines.push(touched(at))
  }
  const gone = (at: string): void => {
    for (const list of [folders, files, others]) for (let index = list.length - 1; index >= 0; index -= 1) if (list[index] === at || list[index]?.startsWith(`${at}/`)) list.splice(index, 1)
  }
  for (let count = below(60) + 5; count > 0; count -= 1) add(make)
  if (chance(0.3)) make.push(`mkdir ${quoted('./many')}; for i in $(seq ${String(below(1500) + 200)}); do : > ./many/$i; done`)

  const change: string[] = []
  for (let count = below(30) + 1; count > 0; count -= 1) {
    const known = [...folders.slice(1), ...files, ...others]
    const at = known.length === 0 ? undefined : of(known)
    switch (at === undefined ? 9 : below(10)) {
      case 0: case 1: change.push(`rm -rf ${quoted(at ?? '')}`); gone(at ?? ''); break
      case 2: change.push(`rm -rf ${quoted(at ?? '')}; mkdir ${quoted(at ?? '')}`); gone(at ?? ''); folders.push(at ?? ''); break
      case 3: change.push(`rm -rf ${quoted(at ?? '')}`, file(at ?? '')); gone(at ?? ''); files.push(at ?? ''); break
      case 4: change.push(owned(at ?? '')); break
      case 5: if (files.includes(at ?? '')) change.push(`printf more >> ${quoted(at ?? '')}`, attribute(at ?? '')); break
      case 6: change.push(touched(at ?? '')); break
      default: add(change)
    }
  }
  return { make, change }
}
