/** What a command on the router's console gave. */
export interface CommandResult {
  status: number
  /** Standard output and standard error, without the last line's end. */
  output: string
}

/** How a family of routers is spoken to on its serial console. The configuration is `topology`'s, saved for the next boot. */
export interface RouterDriver {
  /** Jool's name for what `configure` makes. */
  readonly instance: string
  /** Called when the login prompt is there. @throws ForgeError E_BOOT */
  login(): Promise<void>
  /** One command line, as an administrator would type it. @throws ForgeError E_BOOT when it does not come back */
  run(command: string, timeoutMs?: number): Promise<CommandResult>
  /** Addresses, routes and NAT64, saved. @throws ForgeError E_BOOT */
  configure(): Promise<void>
  /** Starts NAT64 with what was configured. That it fails is a result: the router is still there. */
  startTranslator(): Promise<CommandResult>
  /** Stops NAT64; Jool's modules can be unloaded then. */
  stopTranslator(): Promise<CommandResult>
  /** Whether the router starts NAT64 by itself after a reboot. */
  startsAtBoot(): Promise<boolean>
  /** Starts a reboot; does not wait for it. */
  reboot(): void
}
