"""Live: cameras in, alarms out.

    supervisor ── the page, the sinks' outbox ──────────── reads ──┐
        └─ engine ── encoders, streams, episodes ── writes ──> ledger (SQLite)
              └─ a decoding child for each camera ── frames, and recordings of a few seconds

    settings     cameras.yaml: cameras, sinks, what is kept
    ledger       what must survive a crash: states, alarms, the outbox, scores by the second
    source       one camera's pictures as its child gives them, over live_video (what a camera is, opened),
                 masks (what nobody may see) and recording (the last minutes, in files of seconds)
    clips        recordings joined into what an alarm shows
    camera       one camera's child: opened, watched, restarted
    engine       frames of all cameras through the encoders, to scores and alarms
    supervisor   keeps the engine running

What a score is belongs in `traces_core.streams`, the push pipeline in `traces_core.detector`.
"""
