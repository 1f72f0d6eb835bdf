"""Runs the application with uvicorn."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..errors import UserError
from .limits import Limits

MOST_CONNECTIONS = 1000
"""At a time; more are told that the service is busy."""

IDLE_SECONDS = 30
"""A connection may wait so long for its next request."""


def serve(
    app: FastAPI,
    host: str,
    port: int,
    limits: Limits,
    *,
    on_start: Callable[[str], None] = lambda url: None,
) -> None:
    """Serves until SIGINT or SIGTERM; what runs then is finished, and the rest refused.

    Args:
        app: made by `create_app`.
        host: address to listen at.
        port: 0: any that is free.
        limits: how long a request may take to arrive, and its answer to be made.
        on_start: called with the page's address as soon as it can be opened.

    Raises:
        UserError: the service cannot listen there.
    """
    _allow_open_files(2 * MOST_CONNECTIONS)
    listening = _listening(host, port)
    with listening:
        found_host, found_port = listening.getsockname()[:2]
        name = f"[{found_host}]" if ":" in found_host else found_host

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                if self.started:
                    on_start(f"http://{name}:{found_port}")

        async def bounded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and len(server.server_state.connections) > MOST_CONNECTIONS:
                message = f"more than {MOST_CONNECTIONS:,} are connected; try again in a moment"
                headers = {"Retry-After": "1", "Connection": "close"}
                await JSONResponse({"error": message}, 503, headers)(scope, receive, send)
            else:
                await app(scope, receive, send)

        config = uvicorn.Config(
            bounded,
            http=_protocol(limits.upload_seconds),
            ws="none",
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=int(limits.file_seconds) + 1,
        )
        server = Server(config)
        server.run([listening])


def _allow_open_files(n: int) -> None:
    # Many systems give a process 1,024 of them, unless it asks for more.
    with suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = n if hard == resource.RLIM_INFINITY else min(n, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # Only of sockets that say TCP does asyncio switch off the wait for more to send (Nagle's
        # algorithm), which would add 40 ms to every answer.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
        except BaseException:
            listening.close()
            raise
    except OSError as error:
        raise UserError(
            f"cannot listen at {host}, port {port}: {error.strerror}; choose others by --host and "
            f"--port"
        ) from None
    return listening


def _protocol(seconds: float) -> type[H11Protocol]:
    # uvicorn would wait for ever for the rest of a request's headers, and says in plain text that
    # something is not HTTP.
    class Patient(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._timer: asyncio.TimerHandle | None = None
            self._await_headers()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._await_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self._timer is not None:
                self._timer.cancel()

        def _await_headers(self) -> None:
            if self.conn.their_state is h11.IDLE:
                if self._timer is None:
                    self._timer = self.loop.call_later(seconds, self._end_waiting)
            elif self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _end_waiting(self) -> None:
            if self.conn.trailing_data[0]:  # the beginning of a request
                self._refuse(408, f"the request took more than {seconds:g} s to arrive")
            else:
                self.transport.close()

        def send_400_response(self, msg: str) -> None:
            self._refuse(400, msg)

        def _refuse(self, status: int, message: str) -> None:
            body = json.dumps({"error": message}).encode()
            headers = [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                ("Connection", "close"),
            ]
            response = h11.Response(
                status_code=status, headers=headers, reason=HTTPStatus(status).phrase.encode()
            )
            with suppress(h11.LocalProtocolError):  # an answer has begun
                for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                    self.transport.write(self.conn.send(event))
            self.transport.close()

    return Patient
