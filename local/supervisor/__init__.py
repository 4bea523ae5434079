"""Supervisord runs the processes of an installation."""
