"""Coverage-guided fuzzing of the parsers: `make fuzz NAME=csv`."""
