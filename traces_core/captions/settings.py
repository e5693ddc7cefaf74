"""What can be chosen about captions: which encoder and sentences judge them, and how a VLM writes them.

Light on purpose: `traces_core.settings` reads it without loading an encoder. Where the server of a VLM is
and what may be spent there, `traces_core.text.writers.settings.Server` says: that changes no caption.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from traces_core.scoring.choice import ScorerChoice

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class CaptionSettings(BaseModel):
    """The caption stream: what a VLM wrote about a stretch of video, against the sentences of the catalog."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str | None = Field(
        None, description="Caption table of the graph, .parquet or .csv; null: it scores none."
    )
    text_encoder: str = Field(
        "sentence-transformers/all-MiniLM-L6-v2",
        min_length=1,
        description="Sentence encoder: a name on the hub or a folder; TRACES_TEXT_ENCODER overrides it.",
    )
    contexts: tuple[str, ...] = Field(
        (), description="Contexts of the catalog that answer; none named: all but the practice ones."
    )
    classes: tuple[str, ...] = Field(
        (), description="Anomalous classes that answer; none named: all that the contexts have."
    )
    near_duplicate_cosine: float = Field(
        0.97, gt=0, le=1, description="Of two traces of a class this similar, one is left out (cosine)."
    )
    background: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Weight of a sentence of other contexts that agrees with those that answer; 0: none.",
    )
    scoring: ScorerChoice = ScorerChoice(scorer="kernel_machine")
    top_share: float = Field(
        0.5, gt=0, le=1, description="Sentences of a caption with the highest scores, averaged (share)."
    )
    departure: float = Field(
        1.2,
        ge=0,
        le=100,
        description="Weight of how unlike its camera's captions so far a caption is (score per 1 - cosine).",
    )
    trailing_s: tuple[Seconds, ...] = Field(
        (2.0, 8.0, 32.0, 128.0),
        description="Windows up to now whose means are averaged (seconds); none: captions stand alone.",
    )
    model: str | None = Field(
        None, description="VLM that writes captions, by its name at the OpenAI-compatible server."
    )
    window_s: float = Field(4.0, gt=0, le=3600, description="Video that one caption is about (seconds).")
    frames: int = Field(8, ge=1, le=256, description="Pictures of a window that the VLM gets (count).")
    image_px: int = Field(448, ge=32, le=4096, description="Longer edge of such a picture at most (pixels).")
    max_tokens: int = Field(256, ge=64, le=8192, description="Longest caption (tokens).")
    temperature: float = Field(0.0, ge=0, le=2, description="How freely the VLM draws; 0: the likeliest.")
    seed: int = Field(0, ge=0, description="Seed the VLM draws with.")
