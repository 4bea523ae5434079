"""PostgreSQL: one package for everything that is stored in it."""
