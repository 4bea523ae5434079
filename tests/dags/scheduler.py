"""Stand where the scheduler stands when it is killed: a transaction open, workers started, one of them at work."""

import json
import os
import signal
import sys

import psycopg

LOCK = "select pg_advisory_xact_lock(7)"


def main(dsn: str) -> None:
    """Take the lock, start the executor, fork a worker that forks a task, tell all their pids, and wait."""
    from preloaded import PreloadedExecutor

    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # where Airflow logs
    with psycopg.connect(dsn) as connection:
        connection.execute(LOCK)
        executor = PreloadedExecutor(parallelism=2)
        executor.start()
        read, write = os.pipe()
        if (worker := os.fork()) == 0:
            os.write(write, str(os.fork() or "").encode())
            signal.pause()
        task = int(os.read(read, 16))
        told.write(json.dumps([*executor.workers, worker, task]) + "\n")
        told.flush()
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1])
