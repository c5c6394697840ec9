"""What whoever runs the server sees of it: a line for each request, metrics, probes."""
