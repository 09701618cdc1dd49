/** A row of a table that Jool printed, by column. */
export type CsvRow = Readonly<Record<string, string>>

/**
 * Reads what `jool … display --csv` prints: the header line names the columns; lines without as many fields
 * ("(empty)", messages) are no rows. A row may lack its last column: Jool names a state for every session, and has one for TCP only.
 */
export function parseJoolCsv(text: string): CsvRow[] {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(','))
  const header = lines.shift()?.split(',').map((name) => name.trim())
  if (!header) return []
  return lines.map((line) => line.split(','))
    .filter((fields) => fields.length === header.length || fields.length === header.length - 1)
    .map((fields) => Object.fromEntries(header.map((name, index) => [name, fields[index]?.trim() ?? ''])))
}
