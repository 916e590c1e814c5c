"""How long searches over loss weights take: ``python -m benchmarks.search``."""
