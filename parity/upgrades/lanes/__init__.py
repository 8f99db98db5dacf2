"""What runs in a release's own process: one module for each framework that is probed."""
