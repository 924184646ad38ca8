"""Results by key, in tiers: device and host memory under one byte budget, and disk, which survives restarts."""
