"""The HTTP process: it answers from data and imports no torch."""
