"""Plain values and their forms: times, numbers, ids, statuses, text rules. Imports the standard library alone."""
