"""MLflow: runs, versions and aliases. Nothing is imported here, as `rest` stays free of the heavy client."""
