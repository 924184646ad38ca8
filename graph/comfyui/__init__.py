"""ComfyUI's files: its canvas format (UI JSON 0.4 and 1.0), its API prompts and its picture metadata, read and written.

Everything here is a pure function between their JSON and our `Document`. Nothing of theirs is kept in the engine: links
become named, virtual nodes are resolved, and what only their editor needs stays under `ui`, from where it comes back on
export. Reading order: `read.py` (the one door), `prompt.py`, `canvas.py` and `ui.py`, then the exports.
"""
