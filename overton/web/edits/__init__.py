"""Edits of the dashboard as data: a corrected label or a tag is one more line in a file of its day, by its editor."""
