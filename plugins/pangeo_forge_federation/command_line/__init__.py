"""What the command lines share: options, durations and progress. Imports no other room."""
