"""What `pytest parity` runs: every lane against the oracle, parametrized by the plugin."""
