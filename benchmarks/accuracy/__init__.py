"""Accuracy without tuning: skmtl's defaults beside what a scikit-learn user would pick, on the same folds."""
