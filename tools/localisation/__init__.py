"""What BSN does between and after its networks: features, proposals, soft-NMS, and the recall of what is found."""
