import { headers } from '../../kernel/headers/stage.ts'
import { modules } from '../../kernel/modules/stage.ts'
import { source } from '../../kernel/source/stage.ts'
import { debs } from '../../packaging/debs/stage.ts'
import { iso } from '../../images/iso/stage.ts'
import { smoke } from '../../images/smoke/stage.ts'
import type { AnyStage } from './stage.ts'

/** The build, from left to right. Data flows one way: a stage reads only what stands before it. */
export const stages: readonly AnyStage[] = [source, headers, modules, debs, iso, smoke]
