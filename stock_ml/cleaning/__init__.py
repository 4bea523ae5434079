"""Turn responses into clean bars, with a report of every row."""
