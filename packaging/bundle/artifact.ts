// The door of the bundle: all that commands may use of it.
export { writeBundle, type Bundle, type BundledPackage } from './bundle.ts'
