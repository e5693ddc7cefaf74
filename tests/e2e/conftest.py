"""Nothing here is for plain pytest: `make e2e` runs the walk-through."""

collect_ignore_glob = ["*.py"]
