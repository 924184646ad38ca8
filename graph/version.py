"""The version of latentgraph, read by the build and by `latentgraph --version`."""

__version__ = "0.1.0"
