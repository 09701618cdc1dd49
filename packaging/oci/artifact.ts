// The door of the container image: all that commands may use of it.
export { givenFact, type GivenFact } from './given.ts'
export { containerLocked, containerNote, resolveContainer, type ContainerLocked } from './lock.ts'
export { containerTools, writeContainerImage, type ContainerImage } from './image.ts'
