#!/bin/sh
# Print secrets for docker-compose.yaml, new ones at each call: sh docker/secrets.sh >> .env && chmod 600 .env
set -eu
hex() { head -c "$1" /dev/urandom | od -An -tx1 | tr -d ' \n'; }
for name in POSTGRES_PASSWORD S3_SECRET_KEY AIRFLOW_SECRET_KEY AIRFLOW_JWT_SECRET; do
    echo "STACK_$name=$(hex 32)"
done
for name in S3_ACCESS_KEY AIRFLOW_ADMIN_PASSWORD AIRFLOW_VIEWER_PASSWORD; do
    echo "STACK_$name=$(hex 10)"
done
echo "STACK_AIRFLOW_FERNET_KEY=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"
