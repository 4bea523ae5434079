"""Bars, sessions, minutes and months: pure rules that every other package uses."""
