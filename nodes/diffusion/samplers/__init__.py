"""Samplers: short generator functions over one contract, one file per family."""
