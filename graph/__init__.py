"""The engine: documents, plans, caches, events. It knows no tensor; see ARCHITECTURE.md for the reading order."""
