export { checkOutput, checkOutputSpace, openOutput } from './output.ts'
export { inject, injectModes, injectTools, type InjectInput, type Injection, type InjectMode } from './inject.ts'
