/** Debian's name of a machine architecture. One is built and booted here; another needs its boot records and its QEMU machine. */
export const architectures = ['amd64'] as const
export type Architecture = (typeof architectures)[number]
