import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { clock, mebibytes, type Progress } from '../../../../scripts/commands/progress-display.ts'
import { createProgress, type ProgressOptions } from '../../../../scripts/commands/progress.ts'
import { screenOf } from '../../../support/screen.ts'

let time = 0
let written = ''

function progress(options: Partial<ProgressOptions> & { columns?: number; rows?: number; colors?: boolean } = {}): Progress {
  const { columns = 60, rows = 24, colors = false, ...rest } = options
  return createProgress({ stream: { write: (text) => { written += text }, columns, rows, hasColors: () => colors }, isTerminal: true, verbose: false, now: () => time, ...rest })
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubEnv('TERM', 'xterm')
  time = 0
  written = ''
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllEnvs()
})

const stages = [{ name: 'source', title: 'fetch Jool\'s sources' }, { name: 'modules', title: 'build Jool\'s modules' }, { name: 'debs', title: 'make packages' }] as const

describe('progress that is not on a terminal', () => {
  it('is one line an event, with the time since the start', () => {
    const { emit, onStage, start, stop } = progress({ isTerminal: false })
    emit({ kind: 'step', text: 'resolving' })
    start(stages)
    onStage({ stage: 'source', state: 'running' })
    onStage({ stage: 'source', state: 'done', cached: true, ms: 0 })
    time = 61_000
    onStage({ stage: 'modules', state: 'running' })
    emit({ kind: 'step', stage: 'modules', text: 'compiling' })
    emit({ kind: 'warning', stage: 'modules', text: 'odd' })
    emit({ kind: 'command', stage: 'modules', text: 'make -j2' })
    emit({ kind: 'output', stage: 'modules', text: 'CC jool.o' })
    onStage({ stage: 'modules', state: 'done', cached: false, ms: 34_200 })
    onStage({ stage: 'debs', state: 'failed' })
    stop()
    expect(written).toBe([
      ' 0:00 resolving',
      ' 0:00 stages: source, modules, debs',
      ' 0:00 [source] cached',
      ' 1:01 [modules] compiling',
      ' 1:01 [modules] warning: odd',
      ' 1:01 [modules] done in 34.2 s',
      ' 1:01 [debs] failed',
      '',
    ].join('\n'))
  })

  it('reports a download every five seconds and at its end', () => {
    const { emit } = progress({ isTerminal: false })
    for (time = 0; time <= 12_000; time += 1000) emit({ kind: 'bytes', stage: 'headers', done: time * 1048.576, total: 12_582_912 })
    expect(written).toBe(' 0:05 [headers] downloaded 5.0 of 12.0 MiB\n 0:10 [headers] downloaded 10.0 of 12.0 MiB\n 0:12 [headers] downloaded 12.0 of 12.0 MiB\n')
  })

  it('shows commands that can be pasted, and what programs print, with --verbose', () => {
    const { emit } = progress({ isTerminal: true, verbose: true })
    emit({ kind: 'command', stage: 'modules', text: 'make -C \'/a b\'' })
    emit({ kind: 'output', stage: 'modules', text: 'CC jool.o' })
    expect(written).toBe('$ make -C \'/a b\'\n  CC jool.o\n')
  })

  it('is used on a terminal that cannot move its cursor', () => {
    vi.stubEnv('TERM', 'dumb')
    progress().emit({ kind: 'step', text: 'resolving' })
    expect(written).toBe(' 0:00 resolving\n')
  })
})

describe('progress on a terminal', () => {
  it('shows what runs before the stages are known', () => {
    progress().emit({ kind: 'step', text: 'resolving what the target asks for' })
    expect(screenOf(written)).toEqual(['    resolving what the target asks for'])
  })

  it('lists all stages: done with their time, the running one with seconds and what it does', () => {
    const { emit, onStage, start } = progress()
    emit({ kind: 'step', text: 'resolving' })
    start(stages)
    onStage({ stage: 'source', state: 'running' })
    onStage({ stage: 'source', state: 'done', cached: true, ms: 0 })
    onStage({ stage: 'modules', state: 'running' })
    emit({ kind: 'step', stage: 'modules', text: 'compiling' })
    emit({ kind: 'bytes', stage: 'modules', done: 3_145_728, total: 6_291_456 })
    time = 12_120
    vi.advanceTimersByTime(120)
    expect(screenOf(written)).toEqual([
      ' ✔  source   fetch Jool\'s sources  cached',
      ' ⠙  modules  build Jool\'s modules  0:12',
      '    compiling  █████░░░░░ 3.0 of 6.0 MiB',
      ' ·  debs     make packages',
    ])
  })

  it('keeps notes and warnings above the list, also after it has ended', () => {
    const { emit, onStage, start, stop } = progress()
    start(stages.slice(0, 1))
    emit({ kind: 'warning', stage: 'source', text: 'beyond upstream\'s claim' })
    onStage({ stage: 'source', state: 'done', cached: false, ms: 2100 })
    emit({ kind: 'note', text: 'half way' })
    stop()
    stop()
    emit({ kind: 'note', text: 'published' })
    vi.advanceTimersByTime(10_000)
    expect(screenOf(written)).toEqual([
      ' 0:00 [source] warning: beyond upstream\'s claim',
      ' 0:00 half way',
      ' ✔  source  fetch Jool\'s sources  2.1 s',
      ' 0:00 published',
    ])
  })

  it('marks the stage that failed and leaves the rest waiting', () => {
    const { emit, onStage, start, stop } = progress()
    start(stages)
    onStage({ stage: 'source', state: 'running' })
    emit({ kind: 'step', stage: 'source', text: 'unpacking' })
    time = 4000
    onStage({ stage: 'source', state: 'failed' })
    stop()
    expect(screenOf(written)).toEqual([' ✘  source   fetch Jool\'s sources  4.0 s', ' ·  modules  build Jool\'s modules', ' ·  debs     make packages'])
  })

  it('cuts long lines, and lets no control character through', () => {
    const { emit } = progress({ columns: 24 })
    emit({ kind: 'step', text: 'one\x1b[2Jtwo\r\nthree four five six' })
    expect(screenOf(written)).toEqual(['    onetwo  three f…'])
  })

  it('draws no more than the screen is high', () => {
    const { start, onStage } = progress({ rows: 3 })
    start(stages)
    onStage({ stage: 'source', state: 'running' })
    expect(screenOf(written)).toHaveLength(2)
  })

  it('is coloured only where the terminal has colours', () => {
    progress({ colors: true }).start(stages)
    expect(written).toContain('\x1b[2m·')
    written = ''
    progress({ colors: false }).start(stages)
    expect(written).not.toContain('\x1b[2m')
  })
})

it.each([[0, '0:00'], [61_999, '1:01'], [3_723_000, '1:02:03']])('%i ms on the clock are %s', (ms, text) => {
  expect(clock(ms)).toBe(text)
})

it('a download of unknown size shows what came so far', () => {
  expect(mebibytes(1_572_864, 0)).toBe('1.5 MiB')
})
