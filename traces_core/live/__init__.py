"""Live: cameras in, alarms out.

    supervisor ── the page, the sinks' outbox ──────────── reads ──┐
        └─ engine ── encoders, streams, episodes ── writes ──> ledger (SQLite)
              └─ a decoding child for each camera ── frames, and recordings of a few seconds

    settings     cameras.yaml: cameras, sinks, what is kept
    ledger       what must survive a crash: states, alarms, the outbox, scores by the second
    source       one camera's pictures as its child gives them, over live_video (what a camera is, opened),
                 masks (what nobody may see) and recording (the last minutes, in files of seconds)
    feed         one camera in the engine: its newest frames, its child restarted
    health       whether its picture shows what it is meant to
    watch        its streams: scores, blocks, alarms; judged as `judging` says, by what `detectors` chose
    engine       frames of all cameras through the encoders (`grouped_calls`), to scores and alarms
    alarm_log    episodes as alarms; clip_cutter and clips: what each of them shows
    evidence     what the encoders saw, kept for replay
    messages     what is said of an alarm or a camera, as JSON and as a sentence
    outbox       gets every message to its sink at least once; `letters` are its rows
    sinks        webhook, Apprise, MQTT with Home Assistant, a folder
    page         what people look at; prometheus: the ledger as numbers
    supervisor   keeps the engine running

What a score is belongs in `traces_core.streams`, the push pipeline in `traces_core.detector`.
"""

from __future__ import annotations

FOLDER_VARIABLE = "TRACES_LIVE"
"""Environment variable that names the folder of the ledger and what lies beside it."""
NOT_STARTED = 3
"""Exit status of an engine whose settings or detector cannot be used: there is no point in another try."""
