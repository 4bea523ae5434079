"""The security and cache headers of every response: scripts and styles come from this server only.

docs/decisions/0003-own-security-headers.md says why this is not Flask-Talisman.
"""

from flask import Flask, Response, request

from stock_ml.config import Settings

A_YEAR = 31_536_000  # seconds


def policy(s: Settings) -> str:
    """Return the Content-Security-Policy; only this page and the local Airflow may show it in a frame."""
    airflow = f"http://127.0.0.1:{s.airflow_port} http://localhost:{s.airflow_port}"
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types highcharts",
            f"frame-ancestors 'self' {airflow}",
        ]
    )


def add_headers(app: Flask, s: Settings) -> None:
    """Set the headers of every response. No cache stores a live response, or it requests it again by its ETag."""
    content_security_policy = policy(s)

    @app.after_request
    def set_headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = content_security_policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        if request.endpoint == "static":
            if "v" in request.args:  # another version has another address
                response.headers["Cache-Control"] = f"max-age={A_YEAR}, immutable"
        elif not response.cache_control:
            response.headers["Cache-Control"] = "no-store"
        return response
