"""Baselines: what one environment does, as a file to compare another environment with."""
