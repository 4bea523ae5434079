"""Linear regressions from sums that add up over sessions: one pass over the rows serves every window of sessions."""
