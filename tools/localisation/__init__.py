"""What BSN does between and after its networks: features, proposals, soft-NMS, recall."""
