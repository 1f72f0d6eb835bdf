"""Reads what clients send: as JSON or as a form, up to a size and within a time."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

from ..errors import cut, shown
from .limits import Limits, RefusedError

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

JSON, FORM, FILES = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"


DRAINED = 20
"""Times the largest body, up to which a larger one is read and thrown away."""


class GoneError(Exception):
    """The client hung up."""


class BoundedBodies:
    """Wraps an application: no body is larger, or takes longer, than the limits allow."""

    def __init__(self, app: Any, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        n_read, ended = 0, False
        loop = asyncio.get_running_loop()
        latest = loop.time() + self._limits.upload_seconds

        async def bounded() -> Message:
            nonlocal n_read, ended
            if ended:
                return await receive()
            # Many clients read no answer before they have sent everything, so some of what is too
            # much is let in and thrown away.
            while not ended and n_read < DRAINED * self._limits.body_bytes:
                try:
                    message = await asyncio.wait_for(receive(), max(0.0, latest - loop.time()))
                except asyncio.TimeoutError:
                    raise RefusedError(
                        408,
                        f"the request took more than {self._limits.upload_seconds:g} s to arrive",
                        {"Connection": "close"},
                    ) from None
                n_read += len(message.get("body", b""))
                ended = not message.get("more_body", False)
                if n_read <= self._limits.body_bytes:
                    return message
            raise RefusedError(
                413,
                f"the request has more than {self._limits.body_bytes:,} bytes; send less at a time",
                {"Connection": "close"},
            )

        await self._app(scope, bounded, send)


async def read(request: Request, model: type[M]) -> tuple[M, UploadFile | None]:
    """The fields of a request, and its file if it has one.

    Raises:
        RefusedError: the body cannot be read (400, 408, 413, 415), or a field is wrong (400).
    """
    kind = request.headers.get("content-type", JSON).split(";")[0].strip().lower()
    file = None
    try:
        if kind == JSON:
            fields = _parsed(await request.body())
        elif kind in (FORM, FILES):
            form = await request.form(max_files=1, max_fields=200)
            fields = {}
            for name in form:
                values = form.getlist(name)
                if isinstance(values[0], UploadFile):
                    file = values[0] if name == "file" else file
                else:
                    fields[name] = values if len(values) > 1 else values[0]
        else:
            raise RefusedError(415, f"send {JSON} or a form; found {shown(kind)}")
    except ClientDisconnect:
        raise GoneError from None
    except HTTPException as error:  # of a form that cannot be read
        raise RefusedError(400, f"the form cannot be read: {cut(str(error.detail), 200)}") from None
    try:
        return model.model_validate(fields, strict=kind == JSON), file  # a form is all text
    except ValidationError as error:
        raise RefusedError(400, described(error.errors())) from None


def _parsed(body: bytes) -> dict[str, Any]:
    def refuse(name: str) -> float:
        raise ValueError(f"{name} is not JSON")

    try:
        fields = json.loads(body, parse_constant=refuse)
    except RecursionError:
        raise RefusedError(400, "the JSON is nested too deeply") from None
    except ValueError as error:
        raise RefusedError(400, f"the body is not JSON: {cut(str(error), 200)}") from None
    if not isinstance(fields, dict):
        raise RefusedError(400, f"the JSON must be an object, {{…}}; found {shown(fields)}")
    return fields


def described(errors: Sequence[Any]) -> str:
    """What is wrong with the fields, by pydantic's errors, in one sentence."""
    found: dict[str, str] = {}
    for each in errors:
        places = [str(place) for place in each["loc"] if place not in ("query", "path", "body")]
        name = places[0] if places else "the request"
        value = each["input"]
        wrong = "" if each["type"] == "missing" else f"; found {_brief(value)}"
        found.setdefault(name, each["msg"].removeprefix("Value error, ").lower() + wrong)
    return "; ".join(f"{name}: {problem}" for name, problem in found.items())


def _brief(value: Any) -> str:
    # Of a long text nothing is repeated.
    if isinstance(value, str) and len(value) > 40:
        return f"{len(value):,} characters"
    if isinstance(value, float) and not math.isfinite(value):
        return "a number that is too large"
    return cut(shown(value), 60).encode("utf-8", "backslashreplace").decode()


async def unless_gone(request: Request, work: Awaitable[T], seconds: float) -> T:
    """Awaits an answer, and cancels it if the client hangs up or it takes too long.

    Raises:
        GoneError: the client hung up.
        RefusedError: with 504, it took too long.
    """
    working = asyncio.ensure_future(work)
    watching = asyncio.create_task(_hung_up(request))
    try:
        await asyncio.wait(
            (working, watching), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if working.done():
            return working.result()
        if watching.done():
            raise GoneError
        raise RefusedError(
            504, f"the answer would take more than {seconds:g} s; send less at a time"
        )
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
