"""Where an experiment's settings come from: a YAML file of its own, checked by a pydantic class of its own.

The settings of the product are `traces_core.settings`; an experiment reads those only where the product is
what it measures.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from traces_core.errors import SettingsError

Model = TypeVar("Model", bound=BaseModel)


def read_settings(kind: type[Model], file: Path) -> Model:
    """Settings of one experiment.

    Parameters
    ----------
    kind
        The class that knows and checks them.
    file
        Names those that differ from the defaults of the class.

    Raises
    ------
    SettingsError
        If the file is missing, is not YAML, or holds what the class refuses.
    """
    try:
        return kind.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")) or {})
    except FileNotFoundError:
        raise SettingsError(file, "no such file") from None
    except yaml.YAMLError as error:
        raise SettingsError(file, f"not YAML ({error})") from error
    except ValidationError as error:
        raise SettingsError(file, str(error)) from error
