"""Pure torch: networks, schedules, samplers. Knows no node, no graph and no file."""
