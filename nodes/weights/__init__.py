"""Files to modules: detection by table, key tables as data."""
