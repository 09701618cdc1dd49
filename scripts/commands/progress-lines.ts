import type { StageName } from '../domain/stage-name.ts'
import { duration } from '../pipeline/report/figures.ts'
import { clock, mebibytes, type Progress, type ProgressStream } from './progress-display.ts'

const downloadEveryMs = 5000

/** One line an event, with the time since the start: for logs, pipes and CI. */
export function lineProgress(stream: ProgressStream, verbose: boolean, now: () => number): Progress {
  const startedAt = now()
  let lastDownloadAt = startedAt
  const say = (stage: StageName | undefined, text: string): void => {
    stream.write(`${clock(now() - startedAt).padStart(5)} ${stage === undefined ? '' : `[${stage}] `}${text}\n`)
  }
  const stop = (): void => undefined

  return {
    emit: (event) => {
      switch (event.kind) {
        case 'step': case 'note': say(event.stage, event.text); return
        case 'warning': say(event.stage, `warning: ${event.text}`); return
        // Nothing before the command, so that a whole line can be pasted.
        case 'command': if (verbose) stream.write(`$ ${event.text}\n`); return
        case 'output': if (verbose) stream.write(`  ${event.text}\n`); return
        case 'bytes':
          if (event.done < event.total && now() - lastDownloadAt < downloadEveryMs) return
          lastDownloadAt = now()
          say(event.stage, `downloaded ${mebibytes(event.done, event.total)}`)
          return
        default: event satisfies never
      }
    },
    onStage: ({ stage, state, cached, ms }) => {
      if (state === 'failed') say(stage, 'failed')
      else if (state === 'done') say(stage, cached === true ? 'cached' : `done in ${duration(ms ?? 0)}`)
    },
    start: (stages) => { say(undefined, `stages: ${stages.map((stage) => stage.name).join(', ')}`) },
    stop,
    [Symbol.dispose]: stop,
  }
}
