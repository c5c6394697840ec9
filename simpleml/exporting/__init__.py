"""What a model is taken away as, and how one comes in.

export.py      a form: its suffix, its type, and what writes it
archive.py     the zip: artifact, card, README
page.py        one HTML file with the network in it; page_*.py and page/ are its parts
incoming.py    a zip that comes in from a stranger
step_graph.py  ONNX: one step of the network, for other runtimes
"""
