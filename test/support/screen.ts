/** The lines that a terminal shows after this output: knows line feeds, cursor up, erase below, and ignores colours. */
export function screenOf(output: string): string[] {
  const lines: string[] = ['']
  let row = 0
  for (const [token] of output.matchAll(/\x1b\[[0-9;]*[A-Za-z]|\n|\r|[^\x1b\n\r]+/g)) { // eslint-disable-line no-control-regex -- terminal control is what is read here
    const control = /^\x1b\[([0-9;]*)([A-Za-z])$/.exec(token) // eslint-disable-line no-control-regex
    if (control?.[2] === 'A') row = Math.max(0, row - Number(control[1]))
    else if (control?.[2] === 'J') lines.splice(row, lines.length, '')
    else if (control?.[2] === 'm' || token === '\r') continue
    else if (control) throw new Error(`the screen does not know ${JSON.stringify(token)}`)
    else if (token === '\n') {
      row += 1
      lines[row] ??= ''
    } else lines[row] = `${lines[row] ?? ''}${token}`
  }
  return lines.slice(0, -1)
}
