# MLflow's official image lacks the drivers of its stores: PostgreSQL and S3, in the versions of requirements.txt.
FROM ghcr.io/mlflow/mlflow:v3.17.2
RUN pip install --no-cache-dir psycopg2-binary==2.9.13 boto3==1.43.117
