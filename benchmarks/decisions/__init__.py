"""Thresholds chosen by F1 on out-of-fold probabilities, beside the best ones in hindsight."""
