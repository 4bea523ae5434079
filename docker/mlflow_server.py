"""Run `mlflow server` with the options given, after its users got the passwords of the environment.

MLflow makes its administrator once and then keeps that password. So an installation that gets other
secrets, or an older database from a backup, would refuse the programs of its own.
"""

import os
import sys

# each user, the variable with its password, and whether it is an administrator
USERS = (("admin", "MLFLOW_AUTH_ADMIN_PASSWORD", True), ("reader", "MLFLOW_READER_PASSWORD", False))


def ensure_users() -> None:
    """Make the users that are missing, and give the others the passwords and rights that they should have."""
    from mlflow.server import auth  # the whole server, which takes seconds

    auth.store.init_db(auth.auth_config.database_uri)  # type: ignore[no-untyped-call]  # MLflow's has no types
    for name, variable, admin in USERS:
        password = os.environ[variable]
        if not auth.store.has_user(name):
            auth.store.create_user(name, password, is_admin=admin)
        elif not auth.store.authenticate_user(name, password) or auth.store.get_user(name).is_admin != admin:
            auth.store.update_user(name, password, is_admin=admin)


def main() -> None:
    """Bring the users to what the environment says, then serve."""
    from mlflow.cli import cli

    ensure_users()
    cli(["server", *sys.argv[1:]])


if __name__ == "__main__":
    main()
