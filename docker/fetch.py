"""Fetch what is no Python package, while the image is built: jars for S3, and Highcharts.

The Dockerfile names each file that this needs.
"""

from local import highcharts, jars
from local.supervisor.program import ROOT

if __name__ == "__main__":
    jars.fetch("s3a", ROOT / "jars")
    highcharts.fetch()
