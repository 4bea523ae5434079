"""Fetch what is no Python package, while the image is built: jars for S3, and Highcharts."""

from local import highcharts, jars
from stock_ml.config import load

if __name__ == "__main__":
    jars.fetch("s3a", load().jars)
    highcharts.fetch()
