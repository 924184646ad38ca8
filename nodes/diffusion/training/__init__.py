"""The mathematics of training: forward process, objectives, averages, learning rates. Torch only, no files."""
