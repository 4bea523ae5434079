"""Each speed claim as a command: a table for people, and one JSON object as the last line."""
