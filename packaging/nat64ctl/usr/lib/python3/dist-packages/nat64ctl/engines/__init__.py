"""The translators, each in a file: how it is told what to do, and how it says what it does."""
