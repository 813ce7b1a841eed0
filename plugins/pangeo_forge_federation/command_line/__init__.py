"""What our command lines share: options, durations, progress. Imports no other room."""
