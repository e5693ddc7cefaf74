"""The steps of the graph as plain functions: each takes a project and artifacts, and gives an artifact.

The Dagster assets call these and add what Dagster wants to know; the ablations call the same steps with
other settings. Arithmetic is not here: it is in the modules that the steps call.
"""
