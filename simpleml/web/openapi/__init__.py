"""The OpenAPI document: what a route says of itself, and the document made from that."""
