"""The pages for people: /, /train, /docs."""
