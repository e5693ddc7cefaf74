"""Where an experiment's settings come from: a YAML file of its own, checked by a pydantic class of its own.

The settings of the product are `traces_core.settings`; an experiment reads those only where the product is
what it measures.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from traces_core.errors import SettingsError
from traces_core.settings import read_yaml

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
        return kind.model_validate(read_yaml(file).values)
    except ValidationError as error:
        raise SettingsError(file, str(error)) from error
