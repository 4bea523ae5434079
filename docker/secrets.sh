#!/bin/sh
# Print the secrets for docker-compose.yaml that .env lacks: sh docker/secrets.sh >> .env && chmod 600 .env
set -eu
hex() { head -c "$1" /dev/urandom | od -An -tx1 | tr -d ' \n'; }
secret() { grep -qs "^STACK_$1=." .env || echo "STACK_$1=$2"; }
for name in POSTGRES_PASSWORD POSTGRES_AIRFLOW_PASSWORD POSTGRES_MLFLOW_PASSWORD POSTGRES_STOCKML_PASSWORD \
    POSTGRES_READER_PASSWORD BACKUP_KEY S3_SECRET_KEY AIRFLOW_SECRET_KEY AIRFLOW_JWT_SECRET WEED_JWT_SIGNING_KEY \
    WEED_JWT_SIGNING_READ_KEY WEED_JWT_FILER_SIGNING_KEY WEED_JWT_FILER_SIGNING_READ_KEY \
    KAFKA_PASSWORD KAFKA_BROKER_PASSWORD MLFLOW_READER_PASSWORD MLFLOW_FLASK_SERVER_SECRET_KEY; do
    secret "$name" "$(hex 32)"
done
for name in S3_ACCESS_KEY AIRFLOW_ADMIN_PASSWORD AIRFLOW_VIEWER_PASSWORD MLFLOW_PASSWORD; do
    secret "$name" "$(hex 10)"
done
secret AIRFLOW_FERNET_KEY "$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"
