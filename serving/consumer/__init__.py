"""The consumer turns bars into stored forecasts."""
