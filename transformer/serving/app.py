"""The service's addresses: LibreTranslate's protocol, a few of our own, and the page."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from babel import Locale
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.staticfiles import StaticFiles

from ..documents.reading import SUFFIXES, format_of
from ..errors import UserError
from . import schemas
from .access import Keys, Rate
from .bodies import FILES, FORM, JSON, BoundedBodies, GoneError, described, read, unless_gone
from .downloads import Downloads
from .limits import RefusedError
from .metrics import Metrics
from .observing import Observed
from .service import AUTO, Answer, Detected, Service

logger = logging.getLogger(__name__)

PAGE = Path(__file__).with_name("page")
TEXT_FILES = (".txt", *SUFFIXES)

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


def create_app(
    service: Service,
    *,
    keys: Keys | None = None,
    per_minute: int | None = None,
    origins: Sequence[str] = (),
) -> FastAPI:
    """The application, for any ASGI server.

    Args:
        service: what translates.
        keys: who may use it; None: everybody.
        per_minute: requests of each key, or of each address where there are no keys; None: any
            number.
        origins: whose pages may use it from a browser (CORS), beside its own; `*` is any.
    """
    return _Application(service, keys, Rate(per_minute) if per_minute else None, origins).app


class _Application:
    def __init__(
        self, service: Service, keys: Keys | None, rate: Rate | None, origins: Sequence[str]
    ) -> None:
        self._service, self._keys, self._rate = service, keys, rate
        self._limits = service.limits
        self._downloads = Downloads()
        self._metrics = Metrics(lambda: service.n_waiting)
        service.on_batch(self._metrics.batch_texts.observe)
        self.app = FastAPI(
            title="transformer-serve",
            version=version("attention-transformer"),
            description="Translates. The protocol is LibreTranslate's, with a few additions.",
            lifespan=self._lifespan,
            docs_url=None,
            redoc_url=None,
        )
        self._add_answers()
        self._add_pages()
        self.app.add_exception_handler(RefusedError, _refused)
        self.app.add_exception_handler(HTTPException, _http_error)
        self.app.add_exception_handler(RequestValidationError, _invalid)
        self.app.add_exception_handler(GoneError, _gone)
        self.app.add_exception_handler(UserError, _failed)
        self.app.add_exception_handler(Exception, _bug)
        self.app.add_middleware(BoundedBodies, limits=self._limits)
        if origins:
            self.app.add_middleware(
                CORSMiddleware,
                allow_origins=origins,
                allow_methods=["GET", "POST"],
                allow_headers=["Content-Type"],
            )
        self.app.add_middleware(Observed, metrics=self._metrics)

    def _lifespan(self, app: FastAPI) -> AbstractAsyncContextManager[None]:
        return self._service.running()

    # Requests -------------------------------------------------------------------------------------

    def _admit(self, request: Request, api_key: str | None) -> None:
        client = request.client.host if request.client else "unknown"
        if self._keys is not None:
            name = self._keys.name_of(api_key) if api_key else None
            if name is None:
                self._count(client)  # so that nobody tries many
                if api_key:
                    raise RefusedError(403, "this API key is not known; send another as api_key")
                raise RefusedError(400, "an API key is needed; send it as api_key")
            client = f"key of {name}"
        self._count(client)

    def _count(self, client: str) -> None:
        if self._rate is not None:
            self._rate.count(client)

    def _check_length(self, *texts: str) -> None:
        n, most = sum(map(len, texts)), self._limits.characters
        if n > most:
            raise RefusedError(
                400, f"the text has {n:,} characters, and {most:,} are allowed at a time"
            )

    def _add_answers(self) -> None:
        app, service, limits = self.app, self._service, self._limits

        @app.get("/languages", tags=["LibreTranslate"])
        async def languages() -> list[schemas.Served]:
            """The languages, and into which each is translated."""
            return [
                schemas.Served(code=code, name=_name(code), targets=service.targets(code))
                for code in service.languages
            ]

        @app.get("/health", tags=["LibreTranslate"])
        async def health() -> schemas.Health:
            """That the service is there."""
            return schemas.Health(status="ok")

        @app.get("/frontend/settings", tags=["LibreTranslate"])
        async def settings() -> dict[str, Any]:
            """What a page needs to know."""
            source, target = service.first
            return {
                "apiKeys": self._keys is not None,
                "keyRequired": self._keys is not None,
                "charLimit": limits.characters,
                "frontendTimeout": 250,
                "filesTranslation": True,
                "supportedFilesFormat": list(TEXT_FILES),
                "suggestions": False,
                "language": {
                    "source": {"code": source, "name": _name(source)},
                    "target": {"code": target, "name": _name(target)},
                },
            }

        @self._post("/detect", schemas.Detect, list[schemas.Detection])
        async def detect(request: Request) -> list[schemas.Detection]:
            """The language of a text: all that are served, the likeliest first."""
            asked = await self._asked(request, schemas.Detect)
            self._check_length(asked.q)
            return [
                schemas.Detection(
                    confidence=round(100 * each.confidence, 1), language=each.language
                )
                for each in service.detect(asked.q)
            ]

        @self._post("/translate", schemas.Translate, schemas.Translated)
        async def translate(request: Request) -> schemas.Translated:
            """Translates a text or several."""
            asked = await self._asked(request, schemas.Translate)
            several = isinstance(asked.q, list)
            texts = asked.q if isinstance(asked.q, list) else [asked.q]
            if len(texts) > limits.texts:
                raise RefusedError(
                    400, f"the list has {len(texts):,} texts, and {limits.texts:,} are allowed"
                )
            self._check_length(*texts)
            n_best = 1 + min(asked.alternatives, limits.alternatives)
            pair = asked.source, asked.target
            if asked.format == "html":
                documents = [
                    service.translate_document(text, "html", *pair, n_best=n_best) for text in texts
                ]
                found = [answer for [answer] in await self._within(request, _all(documents))]
            else:
                work = service.translate(texts, *pair, n_best=n_best)
                found = await self._within(request, work)
            self._metrics.texts.inc(len(texts))
            self._metrics.characters.inc(sum(map(len, texts)))
            return _translated(
                found, several=several, detected=asked.source == AUTO, others=asked.alternatives > 0
            )

        @self._post("/translate_file", schemas.TranslateFile, schemas.TranslatedFile, file=True)
        async def translate_file(request: Request) -> schemas.TranslatedFile:
            """Translates a file, which then lies at another address for ten minutes."""
            asked, file = await read(request, schemas.TranslateFile)
            self._admit(request, asked.api_key)
            if file is None or not file.filename:
                raise RefusedError(400, "file: missing; send it as multipart/form-data")
            name = Path(file.filename.replace("\\", "/")).name
            suffix = Path(name).suffix.lower()
            if suffix not in TEXT_FILES:
                kinds = ", ".join(TEXT_FILES)
                raise RefusedError(
                    400, f"files of these kinds are translated: {kinds}; found {name!r}"
                )
            try:
                content = (await file.read()).decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise RefusedError(400, f"{name} is not UTF-8 at byte {error.start:,}") from None
            work = service.translate_document(content, format_of(name), asked.source, asked.target)
            [answer] = await unless_gone(request, work, limits.file_seconds)
            self._metrics.characters.inc(len(content))
            translated = answer.translations[0].text.encode()
            new_name = f"{Path(name).stem}.{asked.target}{suffix}"
            place = self._downloads.add(new_name, translated)
            return schemas.TranslatedFile(
                translatedFileUrl=str(request.url_for("download_file", place=place))
            )

        @app.get(
            "/download_file/{place}",
            tags=["LibreTranslate"],
            response_class=Response,
            responses={
                200: {"content": {"application/octet-stream": {}}},
                404: {"model": schemas.Error},
            },
        )
        async def download_file(place: str) -> Response:
            """A translated file."""
            file = self._downloads.get(place)
            if file is None:
                raise RefusedError(404, "there is no such file, or no longer; translate it again")
            return Response(
                file.content,
                media_type="application/octet-stream",
                headers={"Content-Disposition": _attachment(file.name)},
            )

        @self._post("/explain", schemas.Explain, schemas.Explained, ours=True)
        async def explain(request: Request) -> Response:
            """What the model looks at: pieces, log-probabilities, attention."""
            asked = await self._asked(request, schemas.Explain)
            self._check_length(asked.q, asked.translation or "")
            translation = asked.translation if (asked.translation or "").strip() else None
            work = service.explain(asked.q, asked.source, asked.target, translation)
            explanation = await self._within(request, work)

            def written() -> bytes:
                layers, heads = explanation.shape("cross")
                found = explanation.to_dict(asked.views)
                return json.dumps({"layers": layers, "heads": heads, **found}).encode()

            return Response(await asyncio.to_thread(written), media_type=JSON)

        @self._post("/alternatives", schemas.Alternatives, schemas.Others, ours=True)
        async def alternatives(request: Request) -> schemas.Others:
            """Translations that begin alike and go on differently."""
            asked = await self._asked(request, schemas.Alternatives)
            self._check_length(asked.q, asked.prefix)
            work = service.alternatives(asked.q, asked.source, asked.target, asked.prefix, asked.n)
            return schemas.Others(
                alternatives=[
                    schemas.Alternative(text=each.text, confidence=round(each.confidence, 4))
                    for each in await self._within(request, work)
                ]
            )

        @self._post("/score", schemas.Score, schemas.Scored, ours=True)
        async def score(request: Request) -> schemas.Scored:
            """How likely the model finds a translation."""
            asked = await self._asked(request, schemas.Score)
            self._check_length(asked.q, asked.translation)
            work = service.score(asked.q, asked.source, asked.target, asked.translation)
            found = await self._within(request, work)
            pieces = zip(found.pieces, found.log_probs, strict=True)
            return schemas.Scored(
                logProb=round(found.log_prob, 4),
                pieces=[schemas.Piece(piece=p, logProb=round(x, 4)) for p, x in pieces],
            )

        @app.get("/card", tags=["ours"], responses=_errors(400, 404, 422))
        async def card(source: str, target: str) -> schemas.Card:
            """The card of a model."""
            try:
                name, text = service.card(source, target)
            except RefusedError as error:
                raise RefusedError(404, error.message) from None
            return schemas.Card(name=name, html=_rendered(text))

    def _post(
        self,
        path: str,
        asked: type[BaseModel],
        answer: Any,
        *,
        file: bool = False,
        ours: bool = False,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        # The body is read by `read`, since it may be JSON or a form; here it is described.
        schema = _with_directions(asked.model_json_schema(by_alias=False), self._service)
        if file:
            schema["properties"]["file"] = {"type": "string", "format": "binary"}
            schema["required"] = [*schema.get("required", ()), "file"]
        kinds = [FILES] if file else [JSON, FORM]
        return self.app.post(
            path,
            response_model=answer,
            response_model_exclude_none=True,
            tags=["ours" if ours else "LibreTranslate"],
            responses=_errors(400, 403, 408, 413, 415, 429, 500, 503, 504),
            openapi_extra={
                "requestBody": {
                    "required": True,
                    "content": {kind: {"schema": _sendable(schema, kind)} for kind in kinds},
                }
            },
        )

    async def _asked(self, request: Request, model: type[M]) -> M:
        asked, _ = await read(request, model)
        self._admit(request, getattr(asked, "api_key", None))
        return asked

    async def _within(self, request: Request, work: Any) -> Any:
        return await unless_gone(request, work, self._limits.seconds)

    # Pages ----------------------------------------------------------------------------------------

    def _add_pages(self) -> None:
        @self.app.get("/", include_in_schema=False)
        async def index() -> Response:
            return FileResponse(PAGE / "index.html", media_type="text/html")

        @self.app.get("/docs", include_in_schema=False)
        async def docs() -> Response:
            return FileResponse(PAGE / "docs.html", media_type="text/html")

        @self.app.get("/metrics", include_in_schema=False)
        async def metrics() -> Response:
            return Response(self._metrics.written(), media_type="text/plain; version=0.0.4")

        import swagger_ui

        self.app.mount("/page", StaticFiles(directory=PAGE))
        self.app.mount(
            "/swagger", StaticFiles(directory=Path(swagger_ui.__file__).with_name("static"))
        )


# The description ----------------------------------------------------------------------------------


def _with_directions(schema: dict[str, Any], service: Service) -> dict[str, Any]:
    # Which languages there are, and which of them go together.
    fields = schema["properties"]
    if "source" not in fields:
        return schema
    names = service.languages
    sources = [*names, AUTO] if "default" in fields["source"] else names
    chosen = {"source": {"enum": sources}, "target": {"enum": names}}
    fields = fields | {name: fields[name] | enum for name, enum in chosen.items()}
    pairs = [(source, target) for source in names for target in service.targets(source)]
    if AUTO in sources:  # then a text may also be in the target language already
        pairs += [(name, name) for name in names] + [(AUTO, name) for name in names]
    either = [
        {"properties": {"source": {"const": source}, "target": {"const": target}}}
        for source, target in pairs
    ]
    return {**schema, "properties": fields, "anyOf": either}


def _sendable(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    # A form has no empty lists: they look like a field that was left out. Nor has it a null.
    if kind == JSON:
        return schema
    return {
        **schema,
        "properties": {name: _not_empty(field) for name, field in schema["properties"].items()},
    }


def _not_empty(field: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in field:
        kinds = [_not_empty(each) for each in field["anyOf"] if each != {"type": "null"}]
        return {**field, "anyOf": kinds}
    return {**field, "minItems": 1} if field.get("type") == "array" else field


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": schemas.Error} for status in statuses}


# Answers ------------------------------------------------------------------------------------------


def _translated(
    found: list[Answer], *, several: bool, detected: bool, others: bool
) -> schemas.Translated:
    def all_or_one(values: list[Any]) -> Any:
        return values if several else values[0]

    best = [answer.translations[0] for answer in found]
    languages = [_detection(answer.detected) for answer in found if answer.detected]
    alternatives = [[each.text for each in answer.translations[1:]] for answer in found]
    return schemas.Translated(
        translatedText=all_or_one([each.text for each in best]),
        alternatives=all_or_one(alternatives) if others else None,
        detectedLanguage=all_or_one(languages) if detected else None,
        confidence=all_or_one([round(each.confidence, 4) for each in best]),
        warnings=all_or_one([list(each.warnings) for each in best]),
    )


def _detection(found: Detected) -> schemas.Detection:
    return schemas.Detection(confidence=round(100 * found.confidence, 1), language=found.language)


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": message}, status, headers)


async def _all(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    # At the same time; where one fails, the others are given up.
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return _error(error.status, error.message, error.headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    found = f"{request.method} {request.url.path[:100]}"
    message = {404: f"there is nothing at {found}", 405: f"{found} is not allowed"}
    return _error(
        error.status_code,
        message.get(error.status_code, str(error.detail)),
        dict(error.headers or {}),
    )


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _error(400, described(error.errors()))


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # which nobody reads


async def _failed(request: Request, error: Exception) -> Response:
    # Not what was asked for, but what answers it: a worker that has died, say.
    logger.error("%s", error)
    return _error(503, str(error), {"Retry-After": "1"})


async def _bug(request: Request, error: Exception) -> Response:
    return _error(500, "something went wrong here; the service's log says what")


def _name(code: str) -> str:
    return str(Locale.parse(code).get_display_name("en") or code)


def _attachment(name: str) -> str:
    from urllib.parse import quote

    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def _rendered(markdown: str) -> str:
    from markdown_it import MarkdownIt

    return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown))
