"""What the page of an asset shows of its content: columns, rows, arrays."""

from __future__ import annotations

import dagster as dg
import pytest

from pipelines.content import LONGEST, ROWS, content_metadata
from traces_core.project import Project

TABLES = ("trace_corpus", "videos", "video_features", "anomaly_scores")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_shows_its_columns_and_the_first_rows(small_project: Project, name: str) -> None:
    store = small_project.store
    artifact = store.current(name, store.keys(name)[0])
    rows, shown = artifact.read(), content_metadata(artifact)
    columns = shown["dagster/column_schema"].columns
    assert [(one.name, one.type) for one in columns] == [(n, str(kind)) for n, kind in rows.schema.items()]
    assert shown["dagster/row_count"] == len(rows)
    records = shown["sample"].records
    assert len(records) == min(ROWS, len(rows))
    assert all(len(str(cell)) <= LONGEST for record in records for cell in record.data.values())
    assert str(records[0].data[rows.columns[0]]) == str(rows.row(0)[0])
    ids = [record.data["trace_id"] for record in records if "trace_id" in record.data]
    assert all(isinstance(one, str) or abs(one) < 2**53 for one in ids)  # a browser would round it
    dg.MaterializeResult(metadata=shown)  # Dagster takes all of it


def test_arrays_show_their_names_and_shapes(small_project: Project) -> None:
    store = small_project.store
    artifact = store.current("trace_embeddings", store.keys("trace_embeddings")[0])
    arrays = artifact.read()
    shown = content_metadata(artifact)["arrays"].value
    assert {name: text.split(" ", 1)[1] for name, text in shown.items()} == {
        name: str(list(one.shape)) for name, one in arrays.items()
    }


def test_a_folder_shows_nothing_of_the_kind(small_project: Project) -> None:
    assert content_metadata(small_project.store.current("trace_index")) == {}
