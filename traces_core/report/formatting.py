"""Numbers and times as people read them. Pages, pictures and tables take them from here."""

from __future__ import annotations

import math
from typing import SupportsFloat

UNDEFINED = "–"
_MINUS = "−"


def number(value: SupportsFloat | None, digits: int = 3) -> str:
    """A number with a fixed count of digits and a true minus sign; a dash where it is undefined.

    Examples
    --------
    >>> number(0.91251), number(-0.05, 2), number(0), number(None)
    ('0.913', '−0.05', '0.000', '–')
    """
    if value is None:
        return UNDEFINED
    text = f"{float(value):.{digits}f}"
    return text.replace("-", _MINUS) if float(text) else text.lstrip("-")


def percent(value: SupportsFloat | None, digits: int = 0) -> str:
    """A share as per cent.

    Examples
    --------
    >>> percent(0.8), percent(0.075, 1), percent(None)
    ('80 %', '7.5 %', '–')
    """
    return UNDEFINED if value is None else f"{number(100 * float(value), digits)} %"


def span(low: SupportsFloat | None, high: SupportsFloat | None) -> str:
    """An interval of confidence; empty where there is none.

    Examples
    --------
    >>> span(0.88, 0.93), span(None, 0.9)
    ('0.880–0.930', '')
    """
    return "" if low is None or high is None else f"{number(low)}–{number(high)}"


def clock(time_s: float, digits: int = 0) -> str:
    """A time of the video as m:ss, or h:mm:ss from one hour on.

    Examples
    --------
    >>> clock(0), clock(75.25), clock(75.25, 1), clock(59.96, 1), clock(3725)
    ('0:00', '1:15', '1:15.3', '1:00.0', '1:02:05')
    """
    scale = 10**digits
    whole, part = divmod(math.floor(abs(time_s) * scale + 0.5), scale)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
    sign = _MINUS if time_s < 0 and (whole or part) else ""
    return f"{sign}{text}.{part:0{digits}d}" if digits else sign + text


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun.

    Examples
    --------
    >>> plural(1, "episode"), plural(3, "episode"), plural(0, "class", "classes")
    ('1 episode', '3 episodes', 'no classes')
    """
    return f"{count or 'no'} {one if count == 1 else many or one + 's'}"


def words(name: str) -> str:
    """An identifier as words.

    Examples
    --------
    >>> words("car_park")
    'car park'
    """
    return name.replace("_", " ")
