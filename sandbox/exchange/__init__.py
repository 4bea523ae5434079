"""The exchange's HTTP API and its clock."""
