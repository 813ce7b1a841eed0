"""Plain values and their formats: times, numbers, ids, statuses, rules for text. Imports only the standard library."""
