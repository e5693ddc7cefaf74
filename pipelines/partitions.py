"""How assets are split: the text side by context, the footage side by shard, the inbox by video, live by
camera.

The first two come from the settings, so that a bank regenerated for one site, or footage on another machine,
is one partition. Inside a shard each video has a recipe of its own.
"""

import dagster as dg

from traces_core.settings import Settings
from traces_core.steps.footage import shard_names

_SETTINGS = Settings.load()

CONTEXTS = dg.StaticPartitionsDefinition(sorted(_SETTINGS.corpus.contexts))
SHARDS = dg.StaticPartitionsDefinition(shard_names(_SETTINGS.footage.shards))
INBOX = dg.DynamicPartitionsDefinition(name="inbox")
CAMERAS = dg.DynamicPartitionsDefinition(name="cameras")


def is_split_by(settings: Settings) -> bool:
    """Whether the partitions are those of these settings; after an edit, they are once they are reloaded."""
    contexts, shards = sorted(settings.corpus.contexts), shard_names(settings.footage.shards)
    return CONTEXTS.get_partition_keys() == contexts and SHARDS.get_partition_keys() == shards
