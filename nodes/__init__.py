"""What can be put on the canvas, and the pure mathematics under it."""
