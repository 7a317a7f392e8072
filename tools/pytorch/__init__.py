"""Everything that runs torch or mmaction2: networks, checkpoints, pipelines, and the fitting of mini weights."""
