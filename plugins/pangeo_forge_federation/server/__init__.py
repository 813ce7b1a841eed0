"""Processes: the command that serves, the application, schedules, the demo. May import every room."""
