"""The demonstration: built-in real data in, a page with explained recommendations out. Nothing is done twice."""

from __future__ import annotations

import time
from pathlib import Path

from zhiyin.console import Console
from zhiyin.data.split import time_split
from zhiyin.errors import SettingError
from zhiyin.evaluation.evaluate import evaluate
from zhiyin.evaluation.report import print_report, read_report, write_report
from zhiyin.ingest.demo import demo_names
from zhiyin.progress import Progress
from zhiyin.recipe import load_recipe
from zhiyin.workspace import Workspace


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
    print(f"report: {report.with_suffix('.html')}")
    if port is not None:
        from zhiyin.serving.run import run_server

        run_server(workspace, host, port)


def measured(workspace: Workspace, recipe_name: str, progress: Progress) -> Path:
    """The report of a recipe on the workspace's data, time split; made once for the same recipe and data."""
    recipe = load_recipe(recipe_name)
    path = workspace.folder / "reports" / f"{workspace.fingerprint(recipe)}.json"
    if not path.is_file():
        dataset = workspace.dataset(recipe, progress)
        path.parent.mkdir(exist_ok=True)
        report = evaluate(recipe, time_split(dataset), data=workspace.folder.name, progress=progress)
        write_report(report, path, path.with_suffix(".html"))
    return path
