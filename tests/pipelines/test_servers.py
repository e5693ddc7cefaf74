"""What `make ui` does beside two servers: it has Dagster load the graph again where that is split anew."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipelines import servers


def test_a_new_context_or_shard_splits_the_graph_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACES_PARAMS", str(tmp_path))
    monkeypatch.delenv("TRACES_PROFILE", raising=False)
    splits = []
    for params in (
        "corpus: {contexts: [street]}",
        "corpus: {contexts: [street]}\nscoring: {k: 2}",
        "corpus: {contexts: [street, shop]}",
        "corpus: {contexts: [street, shop]}\nfootage: {shards: 3}",
        "corpus: {contexts: [",
    ):
        (tmp_path / "params.yaml").write_text(params)
        splits.append(servers._split())
    assert splits[0] == splits[1]
    assert len({str(one) for one in splits[1:]}) == 4
    assert splits[-1] is None  # half an edit: Dagster could not load it either


def test_dagster_is_asked_to_reload_the_graph_and_asked_later_where_it_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    class Dagster(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

    with HTTPServer(("127.0.0.1", 0), Dagster) as server:
        monkeypatch.setenv("DAGSTER_PORT", str(server.server_port))
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert servers._reload()
    assert asked[0]["variables"] == {"name": "traces"}
    assert not servers._reload()
