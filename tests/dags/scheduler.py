"""Stand where the scheduler stands when it is killed: a transaction open, workers started, one of them at work."""

import json
import os
import signal
import subprocess
import sys

import psycopg

LOCK = "select pg_advisory_xact_lock(7)"
FOLLOWS = ["sh", "-c", 'read line; echo in order > "$0"']  # as Spark, it ends once its task's end of a pipe is closed


def main(dsn: str, ended: str) -> None:
    """Take the lock, start the executor, fork a worker that forks a task, tell all their pids, and wait."""
    from preloaded_executor import PreloadedExecutor

    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # where Airflow logs
    with psycopg.connect(dsn) as connection:
        connection.execute(LOCK)
        executor = PreloadedExecutor(parallelism=2)
        executor.start()
        read, write = os.pipe()
        if (worker := os.fork()) == 0:
            if os.fork() == 0:
                _task(write, ended)
            signal.pause()
        os.close(write)
        told.write(json.dumps([*executor.workers, worker, *map(int, os.read(read, 32).split())]) + "\n")
        told.flush()
        signal.pause()


def _task(write: int, ended: str) -> None:
    with subprocess.Popen([*FOLLOWS, ended], stdin=subprocess.PIPE, preexec_fn=os.getpid) as follows:
        os.write(write, f"{os.getpid()} {follows.pid}".encode())
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
