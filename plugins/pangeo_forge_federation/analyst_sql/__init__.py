"""SQL of visitors: turns, bounds, CSV. May import storage, web."""
