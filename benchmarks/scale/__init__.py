"""Fits beyond one process, memory or a few tasks."""
