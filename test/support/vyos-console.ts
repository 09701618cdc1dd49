import { Duplex } from 'node:stream'

/** What a stand-in for VyOS does that real ones do at times. */
export interface VyosConsoleOptions {
  user?: string
  password?: string
  /** A line of configuration mode to what the shell says of it: `Set failed` and the like. */
  refusals?: Readonly<Record<string, string>>
  /** What `commit` says, where it says something. */
  commitSays?: string
  /** What `save` says: nothing when all is well, but for VyOS 1.3. */
  saveSays?: string
  /** A commit that says nothing of it, and does nothing. */
  commitLies?: boolean
  /** Lines that no answer comes to, the first time. */
  silent?: readonly string[]
  /** A command in the root shell to its status and output; by default 0 and nothing. */
  commands?: Readonly<Record<string, readonly [number, string]>>
  /** Operational commands. */
  shows?: Readonly<Record<string, string>>
}

type Mode = 'login' | 'password' | 'operational' | 'configuration' | 'root'

/**
 * A serial line with VyOS's shell at its other end, as far as a driver meets it: prompts, their escape sequences, the echo of line editing, a pager where nobody has
 * switched it off, and a root shell by sudo. Written from VyOS's documentation and its own image test; it is no VyOS.
 */
export class VyosConsole extends Duplex {
  readonly typed: string[] = []
  /** What was committed, a commit each. */
  readonly commits: string[][] = []
  mode: Mode = 'login'
  saved = false
  #changes: string[] = []
  #held = ''
  #pager = true
  readonly #configured = new Set<string>()
  readonly #silent: Set<string>
  readonly #options: Required<VyosConsoleOptions>

  constructor(options: VyosConsoleOptions = {}) {
    super()
    this.#options = { user: 'vyos', password: 'vyos', refusals: {}, commitSays: '', saveSays: '', commitLies: false, silent: [], commands: {}, shows: {}, ...options }
    this.#silent = new Set(this.#options.silent)
  }

  override _read(): void {
    // Pushed when there is something.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#held += chunk.toString()
    for (let end = this.#held.indexOf('\r'); end >= 0; end = this.#held.indexOf('\r')) {
      const line = this.#held.slice(0, end)
      const whole = this.mode === 'root' && line.startsWith('printf \'@@%s')
      // A command of the root shell spans two lines: its end mark is in the second.
      const until = whole ? this.#held.indexOf('\r', end + 1) : end
      if (until < 0) break
      const text = this.#held.slice(0, until)
      this.#held = this.#held.slice(until + 1)
      this.typed.push(text)
      this.#take(text)
    }
    done()
  }

  #say(text: string): void {
    this.push(text.replaceAll('\n', '\r\n'))
  }

  /** Line editing switches bracketed paste on and off around every line. */
  #prompt(): void {
    const prompt = { login: 'vyos login: ', password: 'Password: ', operational: '\x1b[?2004hvyos@vyos:~$ ', configuration: '[edit]\n\x1b[?2004hvyos@vyos# ', root: '' }[this.mode]
    this.#say(prompt)
  }

  #take(line: string): void {
    switch (this.mode) {
      case 'login':
        this.#say(`${line}\n`)
        this.mode = 'password'
        break
      case 'password': {
        const right = this.typed.at(-2) === this.#options.user && line === this.#options.password
        this.#say(right ? '\nWelcome to VyOS!\n\nCheck out project news at https://blog.vyos.io\n' : '\n\nLogin incorrect\n')
        this.mode = right ? 'operational' : 'login'
        break
      }
      case 'operational':
        this.#say(`${line}\n\x1b[?2004l\r`)
        this.#operational(line)
        break
      case 'configuration':
        this.#say(`${line}\n\x1b[?2004l\r`)
        if (this.#silent.delete(line)) return
        this.#configure(line)
        break
      case 'root':
        this.#root(line)
        return
      default:
        this.mode satisfies never
    }
    this.#prompt()
  }

  #operational(line: string): void {
    if (line.startsWith('sudo env PS1=')) {
      this.mode = 'root'
      this.#say('@@sh ')
    } else if (line === 'configure') {
      this.mode = 'configuration'
    } else if (line === 'export VYATTA_PAGER=cat') {
      this.#pager = false
    } else if (line === 'show configuration commands') {
      // Values are in quotes.
      this.#say([...this.#configured].map((one) => `${one.replace(/ (\S+)$/, ' \'$1\'')}\n`).join(''))
    } else if (line !== '') {
      const shown = this.#options.shows[line]
      this.#say(shown === undefined ? '\n  Invalid command: [' + line + ']\n\n' : this.#pager ? `${shown.split('\n')[0] ?? ''}\n:` : `${shown}\n`)
    }
  }

  #configure(line: string): void {
    const refusal = this.#options.refusals[line]
    if (line.startsWith('set ') || line.startsWith('delete ')) {
      if (refusal === undefined) this.#changes.push(line)
      else this.#say(refusal)
      if (refusal?.includes('already exists') === true) this.#configured.add(line)
    } else if (line === 'commit') {
      this.#say(this.#options.commitSays)
      if (!this.#options.commitSays.includes('failed')) {
        if (!this.#options.commitLies) this.#commit(this.#changes)
        this.#changes = []
      }
    } else if (line === 'save') {
      this.#say(this.#options.saveSays)
      this.saved = true
    } else if (line === 'exit' && this.#changes.length > 0) {
      this.#say('Cannot exit: configuration modified.\nUse \'exit discard\' to discard the changes and exit.\n')
    } else if (line === 'exit' || line === 'exit discard') {
      this.#say('exit\n')
      this.#changes = []
      this.mode = 'operational'
    }
  }

  #commit(changes: string[]): void {
    this.commits.push(changes)
    for (const line of changes) {
      if (line.startsWith('delete ')) this.#configured.delete(line.replace(/^delete/, 'set'))
      else this.#configured.add(line)
    }
  }

  #root(line: string): void {
    if (line === 'stty echo; exit') {
      this.mode = 'operational'
      this.#prompt()
      return
    }
    const match = /^printf '@@%s %d@@\\n' begin (\d+); \{ ([^]*)\r\} <\/dev\/null/.exec(line)
    if (!match) return
    const [, number = '', command = ''] = match
    const [status, output] = this.#options.commands[command] ?? [0, '']
    this.#say(`@@begin ${number}@@\n${output}\n\n@@end ${number} ${String(status)}@@\n`)
  }
}
