"""The verbs of the command line, each in a file: a name, its options, what it does."""
