"""What can be said of a text before training on it."""
