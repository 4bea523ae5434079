"""One file a server: how it is prepared, started, and known to be ready."""
