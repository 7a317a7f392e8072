"""Where a device begins to compute something else: from a clip that flipped to a node of the graph."""
