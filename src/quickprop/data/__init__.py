"""Files and frames to matrices."""
