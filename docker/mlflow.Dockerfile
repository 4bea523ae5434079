# MLflow's official image lacks the drivers of its stores: PostgreSQL and S3, in the versions of requirements.txt.
FROM ghcr.io/mlflow/mlflow:v3.17.2
COPY docker/mlflow.txt /tmp/mlflow.txt
RUN pip install --no-cache-dir --require-hashes -r /tmp/mlflow.txt
