"""ComfyUI's API at its own paths, so that its clients work as they are."""
