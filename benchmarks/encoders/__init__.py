"""Images and text: the encoders beside what a scikit-learn user would pick, on the same rows."""
