import { stripVTControlCharacters, styleText } from 'node:util'
import type { StageName } from '../domain/stage-name.ts'
import { duration } from '../pipeline/report/figures.ts'
import { clock, mebibytes, type Progress, type ProgressStream } from './progress-display.ts'

interface Row {
  name: StageName
  title: string
  state: 'waiting' | 'running' | 'done' | 'failed'
  startedAt: number
  /** `cached`, `12.3 s`. */
  result: string
}

type Style = Parameters<typeof styleText>[0]

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const redrawEveryMs = 120

/**
 * The stages as a list that changes in place, below everything that stays: notes and warnings scroll up above it.
 * The cursor rests under the list and is never hidden, so a killed run leaves the terminal as it was.
 */
export function treeProgress(stream: ProgressStream, now: () => number): Progress {
  const startedAt = now()
  let rows: Row[] = []
  let step = ''
  let bytes: { done: number; total: number } | undefined
  let drawnLines = 0
  let stopped = false
  let timer: NodeJS.Timeout | undefined

  const paint = (style: Style, text: string): string => stream.hasColors?.() === true ? styleText(style, text, { validateStream: false }) : text

  const detail = (): string[] => {
    const words = [step, ...(bytes ? [`${gauge(bytes)} ${mebibytes(bytes.done, bytes.total)}`] : [])].filter((word) => word !== '')
    return words.length > 0 ? [paint('dim', fitted(`    ${words.join('  ')}`))] : []
  }
  const line = (row: Row): string => {
    const frame = spinner[Math.floor(now() / redrawEveryMs) % spinner.length] ?? ''
    const mark = { waiting: paint('dim', '·'), running: paint('cyan', frame), done: paint('green', '✔'), failed: paint('red', '✘') }[row.state]
    const time = row.state === 'running' ? clock(now() - row.startedAt) : row.result
    const text = fitted(`  ${row.name.padEnd(nameWidth())}  ${row.title.padEnd(titleWidth())}  ${time}`.trimEnd())
    return ` ${mark}${row.state === 'waiting' ? paint('dim', text) : text}`
  }
  const picture = (): string[] => {
    const lines = rows.flatMap((row) => row.state === 'running' ? [line(row), ...detail()] : [line(row)])
    return rows.some((row) => row.state === 'running') ? lines : [...lines, ...detail()]
  }
  const nameWidth = (): number => Math.max(...rows.map((row) => row.name.length))
  const titleWidth = (): number => Math.max(...rows.map((row) => row.title.length))
  // One column stays free: a full line would wrap in some terminals, and then more lines would have to be erased.
  const fitted = (text: string): string => {
    const room = (stream.columns ?? 80) - 4
    const characters = Array.from(stripVTControlCharacters(text).replace(/\p{Cc}/gu, ' '))
    return characters.length <= room ? characters.join('') : `${characters.slice(0, room - 1).join('')}…`
  }

  /** In one write, so that nothing flickers: erase the list, print what stays, draw the list again. */
  const draw = (stays = ''): void => {
    const lines = picture().slice(-Math.max(1, (stream.rows ?? 24) - 1))
    stream.write(`${drawnLines > 0 ? `\x1b[${String(drawnLines)}A\r\x1b[J` : ''}${stays}${lines.map((text) => `${text}\n`).join('')}`)
    drawnLines = lines.length
    timer ??= setInterval(draw, redrawEveryMs).unref()
  }
  const print = (style: Style, label: string, stage: StageName | undefined, text: string): void => {
    const words = `${clock(now() - startedAt).padStart(5)} ${stage === undefined ? '' : `[${stage}] `}${paint(style, `${label}${text}`)}\n`
    if (stopped) stream.write(words)
    else draw(words)
  }
  const stop = (): void => {
    if (stopped) return
    step = ''
    bytes = undefined
    if (drawnLines > 0 || rows.length > 0) draw()
    stopped = true
    clearInterval(timer)
  }

  return {
    emit: (event) => {
      switch (event.kind) {
        case 'note': print('reset', '', event.stage, event.text); return
        case 'warning': print('yellow', 'warning: ', event.stage, event.text); return
        case 'step':
          step = event.text
          bytes = undefined
          break
        case 'bytes': bytes = event.done < event.total || event.total === 0 ? event : undefined; break
        case 'command': case 'output': return
        default: event satisfies never
      }
      // Downloads report often; the timer shows them soon enough.
      if (!stopped && timer === undefined) draw()
    },
    onStage: ({ stage, state, cached, ms }) => {
      const row = rows.find((candidate) => candidate.name === stage)
      if (!row) return
      const took = ms ?? now() - row.startedAt
      Object.assign(row, state === 'running' ? { state, startedAt: now() } : { state, result: cached === true ? 'cached' : duration(took) })
      step = ''
      bytes = undefined
      if (!stopped) draw()
    },
    start: (stages) => {
      rows = stages.map(({ name, title }) => ({ name, title, state: 'waiting', startedAt: 0, result: '' }))
      step = ''
      if (!stopped) draw()
    },
    stop,
    [Symbol.dispose]: stop,
  }
}

/** `█████░░░░░`, ten cells. */
function gauge({ done, total }: { done: number; total: number }): string {
  const full = total > 0 ? Math.min(10, Math.floor(done / total * 10)) : 0
  return '█'.repeat(full) + '░'.repeat(10 - full)
}
