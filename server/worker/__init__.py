"""Workers: processes that run jobs, one for each device, and what keeps them running."""
