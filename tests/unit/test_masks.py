"""Masks: what an evaluation's lists leave out of what was met, said beside its figures and the same for all of them."""

from pathlib import Path

import pytest

from zhiyin.errors import SettingError
from zhiyin.evaluation.report import masked, read_report
from zhiyin.evaluation.run import run_evaluation


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Clicks of forty people, each of whom clicks the same two things again and again; half of them end with a new one."""
    rows = [
        f"u{user},i{(user + day % 2) % 10 if day < 9 or user % 2 else 10 + user % 3},click,{1_700_000_000 + 86_400 * day + user}"
        for day in range(10)
        for user in range(40)
    ]
    (tmp_path / "events.csv").write_text("user_id,item_id,event_type,timestamp\n" + "\n".join(rows) + "\n")
    return tmp_path


def evaluated(folder: Path, mask: str, recipe: str = "item_knn"):  # type: ignore[no-untyped-def]
    return run_evaluation(
        folder, recipe, "time", folder / f"{mask}.json", tune_budget=0, mask=mask, cache_path=folder / "v.db"
    )


def test_a_report_says_its_mask_and_all_lists_obey_it(folder: Path) -> None:
    ours, papers, none = (evaluated(folder, mask) for mask in ("recipe", "all", "none"))
    assert papers.mask == "all that was met"
    assert none.mask == "nothing"
    assert "purchase" in ours.mask
    assert "click" not in ours.mask
    for report in (ours, papers, none):
        assert (
            read_report(folder / f"{('recipe', 'all', 'none')[(ours, papers, none).index(report)]}.json").mask
            == report.mask
        )
        assert masked(report) == [f"mask: every list leaves out {report.mask}"]
        assert report.document()["mask"] == report.mask
    # Clicks hide nothing unless it is papers' mask: only then are the answers things nobody clicked before.
    assert ours.users == none.users
    again = [any("are in their user's history" in note for note in one.notes) for one in (ours, none, papers)]
    assert again == [True, True, False]


def test_a_recipes_own_table_is_its_mask(folder: Path) -> None:
    (folder / "r.toml").write_text('name = "r"\n[[retrieve]]\nuse = "item_knn"\n[seen]\nclick = 3\n')
    assert "click (3 days)" in evaluated(folder, "recipe", str(folder / "r.toml")).mask


def test_a_wrong_mask_is_refused(folder: Path) -> None:
    with pytest.raises(SettingError, match="mask 'some': must be one of recipe, all, none"):
        evaluated(folder, "some")
