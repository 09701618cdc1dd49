/** The stages, in their order. Folder = stage = verb = cache directory = log prefix. */
export const stageNames = ['source', 'headers', 'modules', 'debs', 'iso', 'smoke'] as const
export type StageName = (typeof stageNames)[number]
