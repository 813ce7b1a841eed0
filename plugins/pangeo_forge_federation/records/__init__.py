"""The records of the API: their fields, what a body must be, and rows as JSON and CSV. Imports no other room."""
