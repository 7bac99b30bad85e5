"""Campaigns: steps over crosspoints from one TOML file; planned, rehearsed, run, stopped and resumed."""
