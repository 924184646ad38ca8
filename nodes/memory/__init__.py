"""Device, dtype and residency: one frozen policy, one residency object."""
