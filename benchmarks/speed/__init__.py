"""Speed of fitting and predicting against other libraries: ``python -m benchmarks.speed``."""
