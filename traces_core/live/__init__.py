"""Live: cameras in, alarms out.

    supervisor ── the page, the sinks' outbox ──────────── reads ──┐
        └─ engine ── encoders, streams, episodes ── writes ──> ledger (SQLite)
              └─ a decoding child for each camera ── frames, and recordings of a few seconds

    settings     cameras.yaml: cameras, sinks, what is kept
    ledger       what must survive a crash: states, alarms, the outbox, scores by the second
    messages     what is said of an alarm or a camera, as JSON and as a sentence
    outbox       gets every message to its sink at least once; `letters` are its rows
    sinks        webhook, Apprise, MQTT with Home Assistant, a folder
    prometheus   the ledger as numbers
    camera       one camera's child: opened, watched, restarted
    engine       frames of all cameras through the encoders, to scores and alarms
    supervisor   keeps the engine running

What a score is belongs in `traces_core.streams`, the push pipeline in `traces_core.detector`.
"""

from __future__ import annotations

NOT_STARTED = 3
"""Exit status of an engine whose settings or detector cannot be used: there is no point in another try."""
