"""What a write means, inside its transaction. May import records, storage, access."""
