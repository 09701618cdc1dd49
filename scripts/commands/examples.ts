/** The end of a verb's help: commands to copy, with what each does. */
export const examples = (lines: readonly [string, string][]): string => `\nExamples:\n${lines.map(([command, what]) => `  ${command.padEnd(52)} ${what}`).join('\n')}\n`
