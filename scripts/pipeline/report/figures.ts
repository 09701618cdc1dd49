/** For people: `0.4 s`, `12.3 s`, `4 min 05 s`, `1 h 02 min`. */
export function duration(ms: number): string {
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return `${String(Math.floor(seconds / 60))} min ${twoDigits(seconds % 60)} s`
  const minutes = Math.round(seconds / 60)
  return `${String(Math.floor(minutes / 60))} h ${twoDigits(minutes % 60)} min`
}

/** For people, in powers of 1024: `812 B`, `14.2 KiB`, `312.0 MiB`. */
export function fileSize(sizeBytes: number): string {
  let size = sizeBytes
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    // 1023.95 would be shown as 1024.0.
    if (size < 1023.95 || unit === 'GiB') return `${unit === 'B' ? String(size) : size.toFixed(1)} ${unit}`
    size /= 1024
  }
  return `${String(sizeBytes)} B`
}

/** Thousands apart, the same in every locale: `327 155 712`. */
export function digits(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, '\u202f')
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}
