/** Packages of every root that compiles modules, beside the compiler that the kernel wants. */
export const compilePackages: readonly string[] = ['?essential', 'apt', 'make', 'libc6-dev', 'kmod', 'binutils', 'patch', 'xz-utils']
