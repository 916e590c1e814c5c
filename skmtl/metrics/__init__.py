"""Scores over the observed cells of a label matrix."""
