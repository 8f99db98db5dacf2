"""Parity: cross-framework differential testing of training steps against a NumPy oracle."""
