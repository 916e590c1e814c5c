"""How long searches take: ``python -m benchmarks.search``."""
