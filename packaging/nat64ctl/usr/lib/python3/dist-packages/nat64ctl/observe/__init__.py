"""What a router translates, for people and programs that look: reads, and changes nothing.

Large tables are generators from the translator's own program to the terminal: a row is read, filtered, written and forgotten.
"""
