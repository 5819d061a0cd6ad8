"""Pictures on cards, in Chromium: over the label, nothing moves when they come, and without one the label stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from page_visit import Visit
from PIL import Image, ImageDraw

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 375, "height": 812}, "has_touch": True, "color_scheme": "dark"}
FRAMES = "() => [...document.querySelectorAll('.card-label')].map(one => { const box = one.getBoundingClientRect(); return [box.x, box.y + scrollY, box.width, box.height].map(Math.round).join() }).join(' ')"


def pictured(visit: Visit, root: Path) -> Visit:
    """Every wine gets the picture of a label, upright or wide; of one the file is gone, of another it is no picture."""
    items = []
    for number, item in enumerate(visit.engine.store.catalog.all()):
        path, size = f"{item.item_id}.png", (300, 400) if number % 2 else (400, 300)
        image = Image.new("RGB", size, (240, 230, 200))
        ImageDraw.Draw(image).rectangle([20, 20, size[0] - 20, size[1] - 20], outline=(120, 20, 40), width=6)
        image.save(root / path)
        items.append(replace(item, images=(path,)))
    visit.engine.settings = replace(visit.engine.settings, pictures=root)
    visit.engine.put_items(items)
    return visit


@pytest.mark.parametrize(
    "visit", [{"viewport": {"width": 1360, "height": 900}}, PHONE], ids=["desk", "phone"], indirect=True
)
def test_pictures_stand_over_the_labels_and_move_nothing(visit: Visit, tmp_path: Path) -> None:
    pictured(visit, tmp_path)
    held: list[object] = []
    visit.page.route("**/picture", lambda route: held.append(route))
    visit.go()
    visit.page.wait_for_timeout(300)
    before = visit.page.evaluate(FRAMES)
    assert held, "the pictures in sight are asked for"
    asked = visit.page.locator("img.picture").count()
    assert len(held) < asked, "those far below are not, yet"
    visit.page.unroute("**/picture")  # lets those go on that are held
    visit.page.wait_for_function("() => document.querySelectorAll('.picture[data-state=there]').length > 3")
    assert visit.page.evaluate(FRAMES) == before
    first = visit.page.locator("[data-shelf=for_you] [data-item]").first
    assert first.locator("img").get_attribute("alt") == f"Picture of {first.locator('.card-open').inner_text()}"
    first.locator(".card-open").click()
    visit.page.locator("#detail .detail-label img[data-state=there]").wait_for()


def test_a_broken_picture_leaves_the_label_and_is_asked_for_once(visit: Visit, tmp_path: Path) -> None:
    pictured(visit, tmp_path)
    shown = visit.engine.recommend("ann-1", 5)["items"]
    gone, page = (one["item_id"] for one in shown[:2])
    (tmp_path / f"{gone}.png").unlink()
    (tmp_path / f"{page}.png").write_text("<html>")
    visit.go()
    for item in (gone, page):
        visit.page.locator(f"[data-shelf=for_you] [data-item={item}] .label").wait_for()
        visit.page.wait_for_function(f"() => !document.querySelector('[data-shelf=for_you] [data-item={item}] img')")
    visit.page.locator("[data-act=like]").nth(4).click()
    visit.page.wait_for_selector("#status:has-text('You like')")
    visit.page.wait_for_timeout(300)
    for item in (gone, page):
        assert sum(f"/items/{item}/picture" in url for url in visit.requests) <= 3, (
            "once per place, not at every drawing"
        )
    assert all("404" in one for one in visit.complaints)
    visit.complaints.clear()  # the browser logs the two that are missing


def test_an_item_without_pictures_asks_for_none(visit: Visit) -> None:
    visit.go()
    assert visit.page.locator("img").count() == 0
    assert not [url for url in visit.requests if url.endswith("/picture")]
