"""A file of bars for tests of what is made from files: one session, of one price."""


def session_at(price: int) -> str:
    """Return a session of bars in Alpha Vantage's layout, newest first."""
    labels = (f"2024-03-04 {9 + (30 + n) // 60:02}:{(30 + n) % 60:02}:00" for n in range(390))
    rows = [f"{label},{price},{price},{price},{price},{100 + n}" for n, label in enumerate(labels)]
    return "\n".join(["timestamp,open,high,low,close,volume", *reversed(rows)])
