"""Words that one does not want to read: which they are, where they stand, how none is written."""
