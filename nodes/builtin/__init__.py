"""The nodes: thin typed functions, one file per concept."""
