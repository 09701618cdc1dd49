export { inject, injectTools, type Injection } from './inject.ts'
