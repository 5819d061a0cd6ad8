"""The demonstration: built-in real data in, a page with explained recommendations out. Nothing is done twice."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

from zhiyin.cli.console import Console
from zhiyin.data.dataset import Dataset
from zhiyin.data.split import time_split
from zhiyin.errors import SettingError
from zhiyin.evaluation.evaluate import evaluate
from zhiyin.evaluation.report import print_report, read_report, write_report
from zhiyin.ingest.demo import demo_names
from zhiyin.progress import Progress
from zhiyin.recipe import Recipe, load_recipe
from zhiyin.replay.findings import Findings
from zhiyin.replay.page import sections
from zhiyin.replay.run import Options, replay
from zhiyin.replay.show import write_findings
from zhiyin.replay.story import story_of
from zhiyin.replay.world import Brought
from zhiyin.workspace.workspace import Workspace

EVENTS, QUESTIONS = 2_000, 150
"""How much of what came after is lived through, so that a first look does not wait for it."""


def demonstrate(data: str, recipe_name: str, workspace: Workspace, host: str, port: int | None) -> None:
    """Ingest, encode, fit, evaluate and serve one of the built-in data sets. port: None to stop before serving."""
    if data not in demo_names():
        raise SettingError(f"--data {data}: there are {', '.join(demo_names())}")
    started = time.perf_counter()
    with Console() as console:
        workspace.ingest_demo(data, console.progress)
        version = workspace.fit(recipe_name, console.progress)
        report = measured(workspace, recipe_name, console.progress)
    print_report(read_report(report))
    print(f"version {version} of recipe '{recipe_name}' on '{data}', ready after {time.perf_counter() - started:.1f} s")
    print(lived_through(report))
    print(f"report: {report.with_suffix('.html')}")
    if port is not None:
        from zhiyin.serving.run import run_server

        run_server(workspace, host, port)


def measured(workspace: Workspace, recipe_name: str, progress: Progress) -> Path:
    """The report of a recipe on the workspace's data, time split, and a short replay with what was fitted for it.

    Made once for the same recipe and data. The replay's findings lie beside it.
    """
    recipe = load_recipe(recipe_name)
    path = workspace.folder / "reports" / f"{workspace.fingerprint(recipe)}.json"
    if not path.is_file():
        dataset = workspace.dataset(recipe, progress)
        path.parent.mkdir(exist_ok=True)
        split = time_split(dataset, hiding=recipe.recommender.filter.hiding)
        report = evaluate(recipe, split, data=workspace.folder.name, progress=progress)
        found = lived(workspace, recipe_name, (recipe, split.test_fit), split.test.now[0], progress)
        write_findings(found, beside(path))
        write_report(report, path, path.with_suffix(".html"), more=sections(found))
    return path


def lived(
    workspace: Workspace, recipe_name: str, fitted: tuple[Recipe, Dataset], start: float, progress: Progress
) -> Findings:
    """A short replay from a moment on, with a recipe as it was fitted for the evaluation: all items are known to it."""
    story = replace(story_of(workspace.store, workspace.folder.name), known_items=True)
    options = Options(recipe_name, start, questions=QUESTIONS, sources=False, events=EVENTS)
    brought = Brought(workspace.folder / "vectors.db", fitted=fitted)
    return replay(story, options, brought=brought, progress=progress)


def beside(report: Path) -> Path:
    """Where the findings of a report's replay lie."""
    return report.with_name(f"{report.stem}-replay.json")


def lived_through(report: Path) -> str:
    """A report's replay in one sentence; nothing of a report that was made before there were replays."""
    try:
        found = json.loads(beside(report).read_text())
        hits = ", ".join(f"{one['name']} {one['metrics']['hr@10']:.3f}" for one in found["lines"])
        return f"lived through the next {found['events']:,} events, {found['questions']:,} questions: HR@10 {hits}"
    except (OSError, ValueError, KeyError):
        return "no replay lies beside the report"
