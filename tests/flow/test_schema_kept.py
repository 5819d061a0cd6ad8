"""The server keeps the schema it publishes: schemathesis, every check, request by request and in sequences."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from doors import ask, served, world

ROOT = Path(__file__).parents[2]


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_schemathesis_finds_nothing_with_all_checks_stateful(tmp_path: Path) -> None:
    with world(tmp_path) as engine, served(engine) as port:
        address = f"http://127.0.0.1:{port}/openapi.json"
        how = ["--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "20"]
        command = [
            str(Path(sys.executable).with_name("st")),
            "run",
            address,
            *how,
            "--generation-deterministic",
            "--no-color",
        ]
        done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:]


def test_the_schema_names_what_the_gate_may_answer_and_every_route_asks_for_its_scope(tmp_path: Path) -> None:
    with world(tmp_path) as engine, served(engine) as port:
        paths = ask(port, "GET", "/openapi.json")[1]["paths"]
    assert {"400", "413", "415", "422"} <= set(paths["/events"]["post"]["responses"])
    assert "text/event-stream" in paths["/chat"]["post"]["responses"]["200"]["content"]
    for path, table in paths.items():
        for method, one in table.items():
            assert path == "/health/live" or {"429", "503"} <= set(one["responses"]), (method, path)


@pytest.mark.parametrize(
    "path", ["/items/w01/similar", "/items/w01/picture", "/users/ann-1/export", "/users/ann-1/profile", "/items/w01"]
)
def test_a_method_that_a_path_does_not_have_is_405_with_those_it_has(tmp_path: Path, path: str) -> None:
    with world(tmp_path) as engine, served(engine) as port:
        known = {method.upper() for method in ask(port, "GET", "/openapi.json")[1]["paths"][_pattern(path)]}
        status, said, headers = ask(port, "TRACE" if path == "/items/w01" else "PUT", path)
    assert (status, said["code"], set(headers["allow"].split(", "))) == (405, "method_not_allowed", known)


def _pattern(path: str) -> str:
    _, kind, _, *rest = path.split("/")
    return "/".join(["", kind, "{item_id}" if kind == "items" else "{user_id}", *rest])
