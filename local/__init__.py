"""How the product runs without Docker: real servers as supervised processes, on loopback only."""
