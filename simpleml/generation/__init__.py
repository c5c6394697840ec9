"""From arrays and a seed to text."""
