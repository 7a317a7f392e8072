"""Everything that runs torch or mmaction2: networks, checkpoints, pipelines, the fitting of mini weights."""
