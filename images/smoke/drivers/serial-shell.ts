import { ForgeError } from '../../../scripts/lib/errors.ts'
import { interrupted } from '../../../scripts/lib/exec.ts'
import type { Console } from '../lab/console.ts'
import type { CommandResult } from './router-driver.ts'

const nudgeMs = 5_000

export interface ShellOptions {
  speedFactor: number
  signal: AbortSignal
}

/**
 * A POSIX shell on a serial line. Every command runs between two marks that its own echo cannot imitate
 * (printf puts them together), so neither echo, prompts nor late console messages are taken for output.
 */
export class SerialShell {
  readonly #console: Console
  readonly #options: ShellOptions
  #from = 0
  #next = 1

  constructor(console: Console, options: ShellOptions) {
    this.#console = console
    this.#options = options
  }

  /** Answers the login prompt that is on the screen, and makes a plain shell of the user's. @throws ForgeError E_BOOT */
  async login(user: string, password: string): Promise<void> {
    await this.authenticate(user, password, { says: 'smoke.login must match the image\'s iso.rootPassword', hint: 'set smoke.login.password to the same as iso.rootPassword' })
    await this.plain('exec')
  }

  /** Answers the login prompt that is on the screen; the user's own shell is there then. @throws ForgeError E_BOOT */
  async authenticate(user: string, password: string, refused: { says: string; hint: string }): Promise<void> {
    this.#console.attended = true
    this.#from = this.#console.text.length
    this.#console.type(`${user}\r`)
    // Not at the end of the line: while a system still boots, its own messages come in between.
    const asked = await this.#until(/Password: ?|[#$%>] ?$/, 30_000, 'the password prompt')
    if (asked.startsWith('Password')) {
      this.#from = this.#console.text.length
      this.#console.type(`${password}\r`)
    }
    const greeted = await this.#until(/Login incorrect|[#$%>] ?$/, 60_000, 'a shell prompt', '\r')
    if (greeted.startsWith('Login')) {
      throw new ForgeError('E_BOOT', `the router refused the login as ${user}: ${refused.says}`, { hint: refused.hint })
    }
  }

  /**
   * A plain shell without line editing: what is typed is read as it is. Kernel messages go to the journal from here on.
   * `through`: what starts it from the shell that is there, `exec` in its place. @throws ForgeError E_BOOT
   */
  async plain(through: string): Promise<void> {
    // Its prompt is awaited, because the shell that goes away drops what was typed ahead.
    this.#from = this.#console.text.length
    this.#console.type(`${through} env PS1='@@''sh ' sh\r`)
    await this.#until(/@@sh /, 60_000, 'a plain shell\'s prompt', '\r')
    this.#console.type('stty -echo cols 1000; export TERM=dumb PAGER=cat SYSTEMD_PAGER=cat SYSTEMD_COLORS=0 LC_ALL=C; PS1= PS2=; dmesg -n 1\r')
    await this.run('true', 30_000)
  }

  /** @throws ForgeError E_BOOT when it does not end in time */
  async run(command: string, timeoutMs = 60_000): Promise<CommandResult> {
    const number = this.#next++
    this.#from = this.#console.text.length
    this.#console.type(`printf '@@%s %d@@\\n' begin ${String(number)}; { ${command}\r} </dev/null 2>&1; printf '\\n@@%s %d %d@@\\n' end ${String(number)} $?\r`)
    const pattern = new RegExp(`@@begin ${String(number)}@@\\n([^]*?)\\n@@end ${String(number)} (\\d+)@@`)
    await this.#until(pattern, timeoutMs, `the end of "${command}"`)
    const match = pattern.exec(this.#console.text.slice(this.#from))
    return { status: Number(match?.[2]), output: (match?.[1] ?? '').replace(/\n$/, '') }
  }

  /**
   * Types a line to whatever reads it, for programs that have prompts of their own.
   * @returns all that was printed since, up to the end of what matched
   * @throws ForgeError E_BOOT when nothing matches in time
   */
  async answer(line: string, prompt: RegExp, timeoutMs: number): Promise<string> {
    this.#from = this.#console.text.length
    this.#console.type(`${line}\r`)
    await this.#until(prompt, timeoutMs, `the prompt after "${line}"`)
    return this.#console.text.slice(this.#from)
  }

  /** Types a command that ends the session. */
  leave(command: string): void {
    this.#console.attended = false
    this.#console.type(`${command}\r`)
  }

  /** `nudge` is typed when nothing matched for a while: a message may have covered the prompt that is waited for. */
  async #until(pattern: RegExp, timeoutMs: number, what: string, nudge?: string): Promise<string> {
    const { speedFactor, signal } = this.#options
    return await new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.#console.text.slice(this.#from))
        if (!match) return
        stop()
        resolve(match[0])
      }
      const fail = (error: ForgeError): void => {
        stop()
        reject(error)
      }
      const stopListening = this.#console.listen(look)
      const timer = setTimeout(() => {
        const why = `nothing after ${String(Math.round(timeoutMs * speedFactor / 1000))} s`
        fail(new ForgeError('E_BOOT', `waiting for ${what} on the router's console: ${why}`, { details: this.#console.tail() }))
      }, timeoutMs * speedFactor)
      const nudging = nudge === undefined ? undefined : setInterval(() => { this.#console.type(nudge) }, nudgeMs * speedFactor)
      // A command that nobody waits for any more, because QEMU ended, must not keep the program running.
      timer.unref()
      nudging?.unref()
      const onAbort = (): void => { fail(interrupted()) }
      signal.addEventListener('abort', onAbort, { once: true })
      const stop = (): void => {
        stopListening()
        clearTimeout(timer)
        clearInterval(nudging)
        signal.removeEventListener('abort', onAbort)
      }
      look()
    })
  }
}
