"""Retention, cleanup and backups."""
