"""`zhiyin tune`: search the settings of a recipe or a part within a budget, and write the recipe that won."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zhiyin.cli.data import Data, EncodingName, Names, Order, Ordered, Unit, Zone, asked_of
from zhiyin.cli.options import RecipeName

if TYPE_CHECKING:
    from zhiyin.evaluation.study import Studied


def tune(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the tuned recipe goes, a .toml file.")],
    recipe: RecipeName = "default",
    part: Annotated[
        str, typer.Option("--part", "-p", help="One source of the recipe, tuned alone; all of it together if none.")
    ] = "",
    split: Annotated[str, typer.Option(help="time or leave-one-out; its test cases are never read.")] = "time",
    trials: Annotated[int | None, typer.Option(min=1, help="How many settings to try at most.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="After how many seconds no trial begins.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="retrieve.ease.regularization=50:2000:log, or a,b,c; may be repeated."),
    ] = None,
    wide: Annotated[
        bool, typer.Option("--wide", help="Search the ranges that the parts' values span, not the values alone.")
    ] = False,
    study: Annotated[
        Path | None, typer.Option(help="A journal file to go on with later; made when it is not there.")
    ] = None,
    users: Annotated[int, typer.Option(min=1, help="Validation users a trial is measured on.")] = 3000,
    core: Annotated[int, typer.Option(help="Leave out users and items with fewer events.")] = 0,
    seed: int = 0,
    name: Names = None,
    encoding: EncodingName = "",
    timezone: Zone = "UTC",
    times: Unit = "",
    dates: Order = "",
    ordered: Ordered = False,
) -> None:
    """Search settings on validation within a budget, by Optuna, and write the recipe that won.

    The recipe's own settings are tried first. Measure what came of it on test with zhiyin evaluate --tune 0.
    """
    from zhiyin.cli.console import Console
    from zhiyin.errors import SettingError
    from zhiyin.evaluation.run import searched

    ranges = _ranges(set_ or [])
    if out.suffix != ".toml":
        raise SettingError(f"--out {out}: a recipe is a .toml file")
    with Console() as console:
        found = searched(
            data, recipe, split, asked=asked_of("", name, encoding, timezone, times, dates, ordered), core=core, part=part, trials=trials, seconds=seconds or None, ranges=ranges, wide=wide,
            file=study, users=users, seed=seed, progress=console.progress,
        )  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(found.recipe.text)
    _tell(found)
    typer.echo(f"written to {out}")


def _ranges(given: list[str]) -> dict[str, str]:
    """What --set says, by setting. Raises SettingError."""
    from zhiyin.errors import SettingError

    ranges = {}
    for one in given:
        key, equal, text = one.partition("=")
        if not equal:
            raise SettingError(f"--set {one}: write stage.part.setting=low:high or =a,b,c")
        ranges[key.strip()] = text.strip()
    return ranges


def _tell(found: Studied) -> None:
    failed = f", {found.failed} could not be fitted" if found.failed else ""
    typer.echo(f"{found.trials} trials in {found.seconds:.0f} s{failed}")
    typer.echo(f"NDCG@10 on validation: {found.own:.4f} as the recipe stands, {found.best:.4f} at best")
    for key, value in found.chosen.items():
        typer.echo(f"  {key} = {value}")
    if not found.chosen:
        typer.echo("  nothing better was found: the recipe keeps its settings")
