"""Cells and references on the nodes of a Ray cluster. Nobody imports this room unless --ray is given."""
