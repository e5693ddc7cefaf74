"""Run the job `regenerate_bank` for each seed given, in one process: its partitions are those of the site."""

from __future__ import annotations

import json
import sys

import dagster as dg

from pipelines.definitions import defs
from pipelines.regenerate import VERDICT
from traces_core.settings import Settings


def main() -> None:
    job = defs.resolve_job_def("regenerate_bank")
    with dg.DagsterInstance.get() as instance:
        for seed in sys.argv[1:]:
            config = {"ops": {"try_new_bank": {"config": {"seed": int(seed)}}}}
            done = job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
            run = instance.get_run_by_id(done.run_id)
            seen = instance.fetch_observations(dg.AssetKey("trace_index"), limit=1).records
            metadata = seen[0].asset_observation.metadata if seen else {}
            outcome = {
                "succeeded": done.success,
                "seed_after": Settings.load().writing.seed,
                "tag": run.tags.get(VERDICT),
                **{name: str(value.value) for name, value in metadata.items()},
            }
            print("outcome", json.dumps(outcome))


if __name__ == "__main__":
    main()
