"""How fast and how lean, always next to a yardstick of the same run. See docs/benchmarks.md."""
