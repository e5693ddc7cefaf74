"""The graph, for what runs it: walks, the dry run and DVC are handed it here, and import it nowhere.

`pipelines.definitions`, which names the jobs that walk, puts itself in; whoever starts a program imports it.
"""

import dagster as dg

_SERVED: list[dg.Definitions] = []


def serve(definitions: dg.Definitions) -> None:
    """Hand over the graph that this process runs."""
    _SERVED[:] = [definitions]


def served() -> dg.Definitions:
    """The graph that this process runs.

    Raises
    ------
    RuntimeError
        If nobody handed one over.
    """
    if not _SERVED:
        raise RuntimeError("no graph is served: import pipelines.definitions where the program starts")
    return _SERVED[0]
