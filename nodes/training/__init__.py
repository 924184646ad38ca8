"""Training runs: loops, checkpoints and data on disk around the mathematics of `nodes/diffusion/training`."""
