export { inject, injectModes, injectTools, type Injection, type InjectMode } from './inject.ts'
