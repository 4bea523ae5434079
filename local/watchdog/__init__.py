"""The watchdog restarts programs that run and do nothing: supervisord restarts only what ends."""
