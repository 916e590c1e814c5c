"""Sharing architectures beside each other: relatedness, data sets, cost of a step."""
