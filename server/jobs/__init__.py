"""The durable store of jobs: a job is accepted when its row is on disk, and ends once."""
