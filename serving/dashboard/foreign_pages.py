"""Refuse what a page of another site asks of a server on this machine."""

from collections.abc import Sequence

from flask import Flask, abort, request

from serving.common.trusted_hosts import HOST_REFUSED, refusal


def refuse_foreign_pages(app: Flask, hosts: Sequence[str]) -> None:
    """Answer 400 for a name that is neither loopback's nor among `hosts`, 403 for a change by another origin."""

    @app.before_request
    def refuse() -> None:
        asked = request.headers.get("Host", "")
        if refused := refusal(request.method, asked, request.headers.get("Origin"), hosts):
            abort(400 if refused is HOST_REFUSED else 403, refused)
