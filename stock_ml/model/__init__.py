"""What a forecast is made of: features, the scorer and its intervals. Pure."""
