"""`latentgraph`: the command line."""
