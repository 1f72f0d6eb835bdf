"""What requests and answers look like: LibreTranslate's, and a few of our own beside them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from .service import AUTO


def _whole(text: str) -> str:
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("half of a surrogate pair is not a character")
    return text


def _integral(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value  # as in JSON


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value  # a form has one value


Count = Annotated[int, BeforeValidator(_integral)]
Text = Annotated[str, AfterValidator(_whole)]
Language = Annotated[Text, Field(max_length=20, examples=["de"])]


class Request(BaseModel):
    """What every request may have."""

    # Programs send fields of other versions as well.
    model_config = ConfigDict(extra="ignore")

    api_key: Text | None = Field(
        None,
        max_length=200,
        description="only where the service asks for one",
        validation_alias=AliasChoices("api_key", "apiKey"),
    )


class Detect(Request):
    """Which language a text is in."""

    q: Text = Field(description="the text")


class Pair(Request):
    """A direction."""

    source: Language = Field(description="language of the text")
    target: Language = Field(description="language to translate into", examples=["en"])


class Translate(Pair):
    """Texts to translate."""

    q: Text | list[Text] = Field(description="a text, or several")
    source: Language = Field(AUTO, description=f"language of the text, or {AUTO}")
    format: Literal["text", "html", ""] | None = Field(
        "text", description="html keeps its tags; blank is text"
    )
    alternatives: Count = Field(0, ge=0, le=1000, description="other translations of each text")


class TranslateFile(Pair):
    """A file to translate. Beside these fields it has `file`."""

    source: Language = Field(AUTO, description=f"language of the text, or {AUTO}")


View = Literal[
    "encoder", "decoder", "cross", "encoder_rollout", "decoder_rollout", "rollout", "saliency"
]


class Explain(Pair):
    """One sentence to look into."""

    q: Text = Field(min_length=1, description="the sentence")
    translation: Text | None = Field(None, description="of it; the best one if left out or blank")
    views: Annotated[list[View], BeforeValidator(_listed)] = Field(
        ["cross", "rollout", "saliency"],
        max_length=7,
        description="matrices to send; those of the encoder and the decoder are large",
    )


class Alternatives(Pair):
    """A sentence, and how its translation begins."""

    q: Text = Field(description="the sentence")
    prefix: Text = Field("", description="what the translations begin with")
    n: Count = Field(5, ge=1, le=20, description="how many")


class Score(Pair):
    """A sentence and its translation."""

    q: Text = Field(description="the sentence")
    translation: Text = Field(description="of it")


class Error(BaseModel):
    """Why a request was not answered as asked."""

    error: str


class Detection(BaseModel):
    """A language, and how sure this is."""

    confidence: float = Field(description="0 to 100")
    language: str


class Translated(BaseModel):
    """Translations; lists for a list of texts."""

    translatedText: str | list[str]  # noqa: N815 (the protocol's names)
    alternatives: list[str] | list[list[str]] | None = None
    detectedLanguage: Detection | list[Detection] | None = None  # noqa: N815
    confidence: float | list[float] = Field(
        description="0 to 1: how sure the model is of its least certain sentence"
    )
    warnings: list[str] | list[list[str]] = Field(description="what may be lost or wrong")


class Served(BaseModel):
    """A language and those that it is translated into."""

    code: str
    name: str
    targets: list[str]


class TranslatedFile(BaseModel):
    """Where the translation of a file is, for some minutes."""

    translatedFileUrl: str  # noqa: N815


class Alternative(BaseModel):
    """A translation, and how sure the model is of it."""

    text: str
    confidence: float


class Others(BaseModel):
    """Translations that go on differently, the likeliest first."""

    alternatives: list[Alternative]


class Piece(BaseModel):
    """A piece of a translation, and its log-probability after those before it."""

    piece: str
    logProb: float  # noqa: N815


class Scored(BaseModel):
    """The log-probability of a translation, and of each of its pieces."""

    logProb: float  # noqa: N815
    pieces: list[Piece]


class Card(BaseModel):
    """A model card."""

    name: str
    html: str = Field(description="without scripts or foreign tags")


class Health(BaseModel):
    """That the service is there."""

    status: Literal["ok"]


class Explained(BaseModel):
    """Attention and the like; see `Explanation.to_dict`."""

    model_config = ConfigDict(extra="allow")

    layers: int
    heads: int
    log_probs: list[float]
    source: dict[str, Any]
    target: dict[str, Any]
