"""The command `stockml`: look over an installation, its data and its models."""
