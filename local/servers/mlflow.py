"""The MLflow server on PostgreSQL and S3; clients get artifacts through it and need no S3 keys."""

from local import probes
from local.servers import port_takeover
from local.servers.services import aws_chain
from local.supervisor.program import PYTHON, Program
from stock_ml.adapters.lake import keys
from stock_ml.config import Settings

NAME = "mlflow"


def program(s: Settings) -> Program:
    """Describe the server; the password is in its environment, not among its arguments."""
    options = {"host": "127.0.0.1", "port": s.mlflow_port, "workers": 1, "x-frame-options": "NONE"}
    options["artifacts-destination"] = f"s3://{s.s3_bucket}/{keys.MLFLOW_FOLDER.rstrip('/')}"
    words = (word for name, value in options.items() for word in (f"--{name}", str(value)))
    ready = probes.http(f"http://127.0.0.1:{s.mlflow_port}/health")
    ports = {"mlflow_port": s.mlflow_port}
    # the command serves from a child process, which keeps running if the command is killed
    argv = (PYTHON, port_takeover.__file__, str(s.mlflow_port), PYTHON, "-m", "mlflow", "server", *words)
    return Program(NAME, argv, ready, ports, _environment(s), after=("databases", "s3"))


def _environment(s: Settings) -> dict[str, str]:
    credentials = {"AWS_ACCESS_KEY_ID": s.s3_access_key, "AWS_SECRET_ACCESS_KEY": s.s3_secret_key}
    given = {name: key.get_secret_value() for name, key in credentials.items() if key}
    return {
        "MLFLOW_BACKEND_STORE_URI": s.postgres("mlflow").replace("postgresql://", "postgresql+psycopg2://", 1),
        "MLFLOW_S3_ENDPOINT_URL": s.s3,
        **aws_chain(s),
        **given,
        "AWS_DEFAULT_REGION": s.s3_region,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight processes of 240 MB that nothing here uses
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
