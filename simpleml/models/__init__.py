"""What lies in ML/<name>/ and how it becomes arrays."""
