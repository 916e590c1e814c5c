"""Benchmarks against peers; each folder is one command."""
