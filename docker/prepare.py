"""Bring tables, topics and Airflow's logins to what this version needs, before any service starts."""

import json
import os
from pathlib import Path

from local.secrets import write_private
from local.servers.kafka_user import BROKER_PASSWORD, ensure_user
from stock_ml.adapters.broker.topics import ensure_topics
from stock_ml.adapters.postgres.migrate import migrate
from stock_ml.config import load


def main() -> None:
    """Run the migrations, add Kafka's user, create the topics, write the file of Airflow's passwords.

    A second run changes nothing but a salt.
    """
    s = load()
    migrate(s)
    ensure_user(s, os.environ[BROKER_PASSWORD])
    ensure_topics(s)
    users = {user: os.environ[f"AIRFLOW_{user.upper()}_PASSWORD"] for user in ("admin", "viewer")}
    write_private(Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]), json.dumps(users))


if __name__ == "__main__":
    main()
