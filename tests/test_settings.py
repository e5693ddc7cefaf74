"""Settings: every one of them counts, unknown ones are refused, and profiles are data."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from experiments.ped2.settings import Ped2Settings
from experiments.real_captions.settings import RealCaptionsSettings
from traces_core.errors import SettingsError
from traces_core.live.settings import Section as LiveSection
from traces_core.settings import BASE_FILE, Machine, Settings, project_root
from traces_core.store.digest import digest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PARAMS", "PROFILE"):
        monkeypatch.delenv(f"TRACES_{name}", raising=False)


def _leaves(
    section: type[BaseModel], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _leaves(kind, (*path, name))
        else:
            yield (*path, name), field


LEAVES = {".".join(path): (path, field) for path, field in _leaves(Settings)}


READ = {
    node.attr
    for folder in ("traces_core", "pipelines", "assets", "experiments")
    for path in (ROOT / folder).rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.Attribute)
}
"""Every attribute that is taken of anything in the code."""


def _value(tree: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        tree = getattr(tree, name)
    return tree


def _another(value: Any, field: FieldInfo) -> Any:
    """A valid value other than this one."""
    choices = get_args(field.annotation)
    if choices and all(isinstance(choice, str) for choice in choices):
        return next(choice for choice in choices if choice != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        lowest = max((float(rule.ge) for rule in field.metadata if hasattr(rule, "ge")), default=0.0)
        other = value * 0.9 if value else 0.1
        return other if other >= lowest else value * 1.1
    if isinstance(value, int):
        return value + 1
    if isinstance(value, tuple):
        return value[:1] if len(value) > 1 else (*value, "elsewhere")
    if value is None:
        return 3 if int in choices else "elsewhere"
    return f"{value}-other"


def _params(folder: Path, text: str, profile: str | None = None) -> Path:
    (folder / (f"params.{profile}.yaml" if profile else BASE_FILE)).write_text(text, encoding="utf-8")
    return folder


SMALL = "corpus: {contexts: [street, shop]}\nscoring: {k: 4}\n"


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_every_setting_changes_the_digest_of_the_settings(name: str) -> None:
    path, field = LEAVES[name]
    before = Settings.load(ROOT, profile="")
    other = _another(_value(before, path), field)
    after = before.with_values(**{"__".join(path): other})
    assert _value(after, path) == other
    assert digest(after.model_dump()) != digest(before.model_dump())


def _subclasses(section: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in section.__subclasses__():
        yield from (one, *_subclasses(one))


@pytest.mark.parametrize(
    "section",
    [Settings, RealCaptionsSettings, Ped2Settings, *_subclasses(LiveSection)],
    ids=lambda one: one.__name__,
)
def test_every_setting_is_read_somewhere(section: type[BaseModel]) -> None:
    assert {path[-1] for path, _ in _leaves(section)} - READ == set()


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_every_setting_says_what_it_means(name: str) -> None:
    assert len((LEAVES[name][1].description or "").split()) >= 3


def test_the_shipped_file_names_only_settings_and_is_the_same_after_a_dump() -> None:
    settings = Settings.load(ROOT, profile="")
    assert (
        Settings.model_validate(yaml.safe_load(yaml.safe_dump(settings.model_dump(mode="json")))) == settings
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("corpus: {contexts: [street]}\nscoring: {kk: 5}\n", "scoring.kk"),
        ("corpus: {contexts: [street]}\nscorings: {k: 5}\n", "scorings"),
        ("corpus: {contexts: [street]}\nscoring: {k: 0}\n", "scoring.k"),
        ("corpus: {contexts: [street]}\nsampling: {sample_fps: -8}\n", "sampling.sample_fps"),
        ("corpus: {contexts: [street]}\nsampling: {sample_fps: many}\n", "sampling.sample_fps"),
        ("corpus: {contexts: [street]}\ntraining: {fusion: {kind: magic}}\n", "training.fusion.kind"),
        ("corpus: {contexts: []}\n", "corpus.contexts"),
        ("scoring: {k: 5}\n", "corpus"),
        ("- a list\n", "sections"),
        ("corpus: {contexts: [street\n", "not YAML"),
    ],
)
def test_a_file_that_says_something_wrong_is_refused_with_its_name_and_the_settings(
    tmp_path: Path, text: str, named: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.load(_params(tmp_path, text), profile="")
    assert str(tmp_path / BASE_FILE) in str(refused.value)
    assert named in str(refused.value)
    assert "traces settings" in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"params\.yaml: no such file"):
        Settings.load(tmp_path, profile="")
    with pytest.raises(SettingsError, match=r"params\.paper\.yaml: no such file"):
        Settings.load(_params(tmp_path, SMALL), profile="paper")


def test_a_profile_changes_what_it_names_and_leaves_the_rest(tmp_path: Path) -> None:
    _params(tmp_path, "training: {fusion: {steps: 7}}\nscoring: {by_context: false}\n", "paper")
    base = Settings.load(_params(tmp_path, SMALL), profile="")
    over = Settings.load(tmp_path, profile="paper")
    assert (over.training.fusion.steps, over.scoring.by_context, over.scoring.k) == (7, False, 4)
    assert over == base.with_values(training__fusion__steps=7, scoring__by_context=False)


def test_a_list_of_a_profile_replaces_the_one_below(tmp_path: Path) -> None:
    _params(tmp_path, "corpus: {contexts: [plaza]}\n", "paper")
    assert Settings.load(_params(tmp_path, SMALL), profile="paper").corpus.contexts == ("plaza",)


def test_the_environment_names_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _params(_params(tmp_path, SMALL), "scoring: {k: 9}\n", "paper")
    monkeypatch.setenv("TRACES_PROFILE", "paper")
    assert Settings.load(tmp_path).scoring.k == 9
    monkeypatch.delenv("TRACES_PROFILE")
    assert Settings.load(tmp_path).scoring.k == 4


def test_a_mistake_in_the_base_file_is_found_under_a_profile_too(tmp_path: Path) -> None:
    _params(_params(tmp_path, SMALL + "sampling: {fps: 3}\n"), "scoring: {k: 9}\n", "paper")
    with pytest.raises(SettingsError, match=r"params\.yaml.*sampling\.fps"):
        Settings.load(tmp_path, profile="paper")


@pytest.mark.parametrize("name", ["scoring__kk", "scorings__k", "training__fusion__magic"])
def test_a_setting_that_is_none_cannot_be_given_in_code_either(name: str) -> None:
    with pytest.raises(SettingsError, match=name.replace("__", ".")):
        Settings.load(ROOT, profile="").with_values(**{name: 1})


def test_a_value_out_of_bounds_is_refused_in_code_too() -> None:
    with pytest.raises(ValueError, match=r"scoring\.k"):
        Settings.load(ROOT, profile="").with_values(scoring__k=0)


def test_settings_never_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.load(ROOT, profile="").scoring.k = 3  # type: ignore[misc]


def test_the_environment_says_where_things_lie_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("data", "catalog", "reports"):
        monkeypatch.setenv(f"TRACES_{name.upper()}", str(tmp_path / name))
    monkeypatch.setenv("TRACES_DEVICE", "cuda:1")
    here = Machine.here()
    assert (here.data, here.catalog, here.reports) == tuple(
        tmp_path / n for n in ("data", "catalog", "reports")
    )
    assert here.device == "cuda:1"


def test_without_an_environment_the_folders_are_the_checkouts_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA", "CATALOG", "REPORTS", "DEVICE", "PROFILE"):
        monkeypatch.delenv(f"TRACES_{name}", raising=False)
    here = Machine.here()
    assert here == Machine(
        data=project_root() / "data",
        catalog=project_root() / "catalog",
        reports=project_root() / "reports",
        device="cpu",
    )


def test_each_profile_has_a_store_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRACES_DATA", raising=False)
    monkeypatch.delenv("TRACES_PROFILE", raising=False)
    embedded = Machine.here().data
    monkeypatch.setenv("TRACES_PROFILE", "paper")
    assert Machine.here().data != embedded


def test_the_machine_is_part_of_no_recipe() -> None:
    names = {path[-1] for path, _ in LEAVES.values()}
    assert names.isdisjoint(Machine.model_fields)
