"""Whether what is written comes back, whatever happens to it in between."""
