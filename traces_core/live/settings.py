"""cameras.yaml: which cameras are watched, who hears of an alarm, what is kept and for how long.

Secrets never stand in the file: `${NAME}` takes one from the environment, `${file:PATH}` from a file. What
changes a score of the graph belongs in `traces_core.settings`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from traces_core.errors import SettingsError
from traces_core.settings import explained, read_yaml
from traces_core.streams.table import LATE, STREAMS

_SHOWN = "cameras.example.yaml shows every part, docs/live.md says what it does"
_SECRET = re.compile(r"\$\{([^}]*)\}")
_HOURS = r"^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$"
Name = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Polygon = Annotated[tuple[tuple[Share, Share], ...], Field(min_length=3, max_length=64)]


def _stretch(hours: str) -> str:
    """Hours that are not empty."""
    begin, end = hours.split("-")
    if begin == end:
        raise ValueError("it begins when it ends: leave it out where it is meant to be the whole day")
    return hours


Hours = Annotated[str, StringConstraints(strict=True, pattern=_HOURS), AfterValidator(_stretch)]
SCHEMES = ("rtsp", "rtsps", "http", "https")
"""Of addresses that are watched."""


class Section(BaseModel):
    """A part of cameras.yaml: refuses what it does not know and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _address(url: str) -> str:
    """An address with a host and, where it names one, a port that can be."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ValueError(
            "the address needs a host, and a port of 1 to 65535 where it names one. "
            "Within a name or password, / is written %2F, # is %23, ? is %3F and @ is %40"
        )
    return url


Address = Annotated[str, AfterValidator(_address)]


def _source(source: str) -> str:
    """A path, or an address of a kind that is watched."""
    if (found := re.match(r"([a-z][a-z0-9+.-]+):/", source, re.IGNORECASE)) is None:
        return source
    if found[1].lower() not in SCHEMES or "://" not in source:
        raise ValueError(f"an address begins with {'://, '.join(SCHEMES)}://")
    return _address(source)


class Areas(Section):
    """Which parts of the picture count; corners as shares of its width and height, from the upper left."""

    ignore: tuple[Polygon, ...] = Field(
        (), description="Polygons that are blackened before anything sees them."
    )
    watch: tuple[Polygon, ...] = Field((), description="Polygons outside of which everything is blackened.")


class Camera(Section):
    """One camera, or what stands in for one."""

    name: Name = Field(description="Its name on pages and in alarms: lower-case letters, digits, - and _.")
    source: Annotated[str, AfterValidator(_source)] = Field(
        min_length=1,
        description="rtsp://..., http(s)://..., /dev/video0, a folder that fills, or a video file.",
    )
    context: tuple[str, ...] = Field(
        (), description="The kinds of place it shows, as in the catalog; none compares with all of them."
    )
    catalog: Path | None = Field(
        None,
        description="A folder of catalog files of its own: they answer for this camera, without a rebuild.",
    )
    streams: tuple[str, ...] = Field((LATE,), min_length=1, description="Streams that raise alarms.")
    alarms_per_day: float = Field(
        4.0, gt=0, le=1000, description="False alarms that are accepted (per day of this camera)."
    )
    confidence: float = Field(
        0.9, ge=0.5, le=0.999, description="With which they are to be no more, by its own minutes (share)."
    )
    active: tuple[Hours, ...] = Field(
        (), description='Hours of the day in which alarms are sent, such as "19:00-07:00"; none is always.'
    )
    areas: Areas = Field(Areas(), description="Parts of the picture to ignore or to watch.")
    record: float = Field(0.5, ge=0, le=10, description="What a clip shows before its alarm (minutes).")
    as_live: bool = Field(
        False, description="Play a file at its own speed, again and again, as a camera would."
    )

    @model_validator(mode="before")
    @classmethod
    def _one_or_more(cls, values: Any) -> Any:
        """A single context, stream or stretch of hours needs no brackets."""
        if not isinstance(values, dict):
            return values
        several = ("context", "streams", "active")
        return {
            name: (one,) if name in several and isinstance(one, str) else one for name, one in values.items()
        }

    @model_validator(mode="after")
    def _streams_are_known(self) -> Camera:
        unknown = sorted(
            set(self.streams) - {name for name, row in STREAMS.items() if row.system == "traces"}
        )
        if unknown:
            known = ", ".join(name for name, row in STREAMS.items() if row.system == "traces")
            raise ValueError(f"no stream is named {unknown[0]!r}; write one or more of: {known}")
        return self

    def is_active(self, at: datetime) -> bool:
        """Whether alarms are sent at a local time.

        Examples
        --------
        >>> night = Camera(name="gate", source="/dev/video0", active="19:00-07:00")
        >>> night.is_active(datetime(2026, 1, 1, 23, 30)), night.is_active(datetime(2026, 1, 1, 12, 0))
        (True, False)
        """
        return not self.active or in_hours(self.active, at)


def in_hours(stretches: Iterable[str], at: datetime) -> bool:
    """Whether a local time is within one of several stretches of the day, such as "22:00-06:00"."""
    return any(_within(stretch, at.time()) for stretch in stretches)


def _within(stretch: str, now: time) -> bool:
    begin, end = (time.fromisoformat(one) for one in stretch.split("-"))
    return begin <= now < end if begin <= end else now >= begin or now < end


class Paced(Section):
    """What every sink has: when it is left in peace."""

    cooldown_s: float = Field(
        0, ge=0, description="Nothing more of a camera for so long after one (seconds)."
    )
    quiet: tuple[Hours, ...] = Field((), description="Hours in which nothing is sent; it is sent afterwards.")


class Apprise(Paced):
    """A message through one of the services of Apprise: mail, chat, push."""

    kind: Literal["apprise"]
    url: str = Field(min_length=1, description="Address as Apprise writes it, such as ntfys://topic.")
    cooldown_s: float = Field(
        60, ge=0, description="Nothing more of a camera for so long after one (seconds)."
    )


class Webhook(Paced):
    """An HTTP POST of a CloudEvent for every change of an alarm, signed where a secret is given."""

    kind: Literal["webhook"]
    url: Address = Field(pattern=r"^https?://", description="Where it is sent; redirects are not followed.")
    secret: str | None = Field(None, min_length=8, description="Key of the HMAC-SHA256 signature.")


class Mqtt(Paced):
    """Messages to a broker; Home Assistant finds the cameras by itself."""

    kind: Literal["mqtt"]
    url: Address = Field(
        pattern=r"^mqtts?://", description="mqtt://user:password@host:1883, mqtts:// for TLS."
    )
    topic: str = Field("traces", pattern=r"^[^#+\s]+$", description="What topics begin with.")
    discovery: str | None = Field(
        "homeassistant", description="Prefix of Home Assistant's discovery; null for none."
    )


class Folder(Paced):
    """A folder that gets a JSON file, the frame and the clip of every alarm."""

    kind: Literal["folder"]
    path: Path = Field(description="The folder; it is made where it is missing.")


Sink = Annotated[Apprise | Webhook | Mqtt | Folder, Field(discriminator="kind")]


class Keep(Section):
    """How long things are kept; what is too old, or too much, is deleted, the oldest first."""

    days: float = Field(7, gt=0, le=3650, description="Days of alarms, clips, scores and evidence.")
    gib: float = Field(20, gt=0, description="GiB of clips and evidence at most.")


class Page(Section):
    """Where the page is served."""

    host: str = Field("127.0.0.1", description="Address; anything but loopback needs a token.")
    port: int = Field(8080, ge=0, le=65535, description="Port; 0 takes a free one.")
    token: str | None = Field(None, min_length=16, description="What is asked for at the login.")

    @model_validator(mode="after")
    def _open_only_with_a_token(self) -> Page:
        if self.host not in ("127.0.0.1", "::1", "localhost") and self.token is None:
            raise ValueError(f"host {self.host} is open to others: give a token, as ${{TRACES_PAGE_TOKEN}}")
        return self


class LiveSettings(Section):
    """All of cameras.yaml."""

    cameras: tuple[Camera, ...] = Field((), description="The cameras.")
    sinks: tuple[Sink, ...] = Field((), description="Who hears of an alarm.")
    keep: Keep = Field(Keep(), description="What is kept.")
    page: Page = Field(Page(), description="Where the page is served.")
    sample_fps: float | None = Field(
        None,
        gt=0,
        le=60,
        description="Frames looked at (per second); null is what the detector was made with.",
    )
    detector: str = Field(
        "current",
        description="`current` is what the graph of this checkout made; else a saved detector's folder, or "
        "a model of an MLflow server: models:/traces@champion.",
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> LiveSettings:
        names = [camera.name for camera in self.cameras]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two cameras are named {name!r}: give each a name of its own")
        return self

    @classmethod
    def load(cls, path: Path | str, environment: Mapping[str, str] = os.environ) -> LiveSettings:
        """Read cameras.yaml; relative paths count from its folder.

        Raises
        ------
        SettingsError
            With file and line: what is unknown, missing, out of bounds, or a secret that is nowhere.
        """
        path = Path(path)
        read = read_yaml(path)
        try:
            settings = cls.model_validate(_filled(read.values, path.parent, environment))
        except ValidationError as error:
            raise SettingsError(path, explained(error, {path: read}, quotes=False), do=_SHOWN) from None
        except _SecretError as error:
            where = f"{path}:{read.find(error.place)[0] or 1}"
            raise SettingsError(where, str(error), do=_SHOWN) from None
        settings = _anchored(settings, path.absolute().parent)
        for camera in settings.cameras:
            if not camera.as_live and "://" not in camera.source and os.path.isfile(camera.source):
                raise SettingsError(
                    path,
                    f"camera {camera.name!r}: {camera.source} is a file, not a camera. To play it again and "
                    f"again at its own speed, say as_live: true; to score it, `traces score {camera.source}`",
                    do=_SHOWN,
                )
        return settings


class _SecretError(Exception):
    """A secret that is nowhere, and the setting that needs it."""

    place: tuple[str | int, ...] = ()


def _filled(
    value: Any, folder: Path, environment: Mapping[str, str], place: tuple[str | int, ...] = ()
) -> Any:
    """Values with `${NAME}` and `${file:PATH}` put in."""
    if isinstance(value, dict):
        return {name: _filled(one, folder, environment, (*place, name)) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, folder, environment, (*place, at)) for at, one in enumerate(value)]
    if not isinstance(value, str):
        return value
    try:
        return _SECRET.sub(lambda found: _secret(found[1], folder, environment), value)
    except _SecretError as error:
        error.place = place
        raise


def _secret(name: str, folder: Path, environment: Mapping[str, str]) -> str:
    if name.startswith("file:"):
        try:
            return (folder / name.removeprefix("file:")).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise _SecretError(f"${{{name}}} cannot be read ({error})") from None
    if name not in environment:
        raise _SecretError(f"${{{name}}} is not set: export {name}=..., or write ${{file:PATH}}")
    return environment[name]


def _anchored(settings: LiveSettings, folder: Path) -> LiveSettings:
    """The same with every relative path counted from a folder."""

    def path_of(text: str) -> str:
        return text if "://" in text else str(folder / text)

    cameras = [
        one.model_copy(
            update={"source": path_of(one.source), "catalog": one.catalog and folder / one.catalog}
        )
        for one in settings.cameras
    ]
    sinks = [
        one.model_copy(update={"path": folder / one.path}) if isinstance(one, Folder) else one
        for one in settings.sinks
    ]
    is_path = settings.detector != "current" and not settings.detector.startswith("models:/")
    detector = path_of(settings.detector) if is_path else settings.detector
    return settings.model_copy(
        update={"cameras": tuple(cameras), "sinks": tuple(sinks), "detector": detector}
    )


def cameras_schema() -> str:
    """JSON Schema of cameras.yaml for editors, as the text of `cameras.schema.json`.

    Examples
    --------
    >>> sorted(json.loads(cameras_schema())["properties"])
    ['cameras', 'detector', 'keep', 'page', 'sample_fps', 'sinks']
    """
    return json.dumps(LiveSettings.model_json_schema(), indent=2) + "\n"
