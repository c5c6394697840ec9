"""Flask: the routes, what they accept and answer, and how greenlets wait for the engine."""
