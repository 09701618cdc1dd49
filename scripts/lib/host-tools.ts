/** A program of the host that a stage calls, with the Debian package it comes from and what it is for. */
export interface HostTool {
  /** A command looked up in PATH, or an absolute path of a file that must exist. */
  command: string
  package: string
  why: string
}
