"""Made tables, whose best possible score is known, and the command that compares models on them."""
