"""Which video a name means: annotations, lengths and scores seldom spell it alike.

One rule for all of them: the name as it is, or its file name without folder and video extension, or that
without the `_x264` of UCF-Crime. What could mean two videos is an error; nothing is guessed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import PurePosixPath

from traces_core.errors import TracesError

RULE = "a video is named as in the lengths, or by its file name without folder, extension and '_x264'"
"""The rule as a sentence, for reports."""
_EXTENSIONS = frozenset(
    {".mp4", ".avi", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".m4v", ".ts", ".flv", ".wmv"}
)


def bare_name(name: str) -> str:
    """File name without its folder and without the extension of a video; other dots stay.

    Examples
    --------
    >>> bare_name("test/Abuse028_x264.mp4"), bare_name("Ip.Man.3.2015__#00-46-08_label_B1-0-0")
    ('Abuse028_x264', 'Ip.Man.3.2015__#00-46-08_label_B1-0-0')
    """
    file_name = name.replace("\\", "/").rsplit("/", 1)[-1]
    suffix = PurePosixPath(file_name).suffix
    return file_name.removesuffix(suffix) if suffix.lower() in _EXTENSIONS else file_name


class VideoNames:
    """The videos there are, each under any of the spellings that the rule allows.

    Examples
    --------
    >>> VideoNames(["Abuse028_x264", "Abuse030_x264"]).find("Abuse/Abuse028.mp4", where="scores.csv")
    'Abuse028_x264'
    """

    def __init__(self, videos: Iterable[str]) -> None:
        self._videos = frozenset(videos)
        self._bare: dict[str, list[str]] = {}
        self._short: dict[str, list[str]] = {}
        for video in sorted(self._videos):
            self._bare.setdefault(bare_name(video), []).append(video)
            self._short.setdefault(_shortest(video), []).append(video)

    def find(self, name: str, *, where: str, error: type[TracesError] = TracesError) -> str:
        """The video that `name` means.

        Parameters
        ----------
        name : as written in the file.
        where : file and row, for the message.
        error : raised for a name that no video has, and for one that could mean several.
        """
        if name in self._videos:
            return name
        matches = self._bare.get(bare_name(name)) or self._short.get(_shortest(name)) or []
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise error(
                f"{where}: {name!r} could be any of {', '.join(map(repr, matches[:3]))}. "
                "Write its whole name."
            )
        close = difflib.get_close_matches(bare_name(name), self._bare, n=1)
        hint = f"did you mean {self._bare[close[0]][0]!r}? " if close else ""
        raise error(
            f"{where}: there is no video {name!r} among the {len(self._videos)} known; {hint}"
            "Remove it, or name it as the lengths do (with or without folder and extension)."
        )


def _shortest(name: str) -> str:
    return bare_name(name).removesuffix("_x264")
