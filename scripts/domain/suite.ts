/** Debian suites that can be a target, oldest first, by code name. */
export const suites = ['bullseye', 'bookworm', 'trixie', 'forky', 'sid'] as const
export type Suite = (typeof suites)[number]
