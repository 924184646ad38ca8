"""Captioned pictures made by rule: what the embedded model is trained on, reproducible from a seed."""
