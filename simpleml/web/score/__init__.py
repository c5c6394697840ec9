"""How well the models predict a text."""
