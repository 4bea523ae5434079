"""Features, the scorer and its intervals. Pure."""
