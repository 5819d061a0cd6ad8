"""The page, clicked through in Chromium: the list follows what a person says, without a reload."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_server import HOSTILE
from page_visit import Visit

from zhiyin.packs.pack import load_pack

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 375, "height": 812}, "has_touch": True}


def test_a_guest_starts_with_sensible_items_and_an_empty_profile(visit: Visit) -> None:
    visit.go("lang=en")
    assert visit.page.locator(".who-name").inner_text() == "Guest"
    assert len(visit.shown()) == 11
    assert visit.page.locator("[data-topic]").count() == 0
    assert visit.page.get_by_role("heading", name="Trending").is_visible()
    assert not visit.page.locator("[data-shelf=related]").count()


def test_a_like_changes_a_guests_next_list_and_profile_and_says_what_moved(visit: Visit) -> None:
    visit.go("lang=en")
    before = visit.shown()
    liked = before[4]
    visit.page.locator(f"[data-shelf=for_you] [data-item={liked}] [data-act=like]").click()
    after = visit.wait_changed(before)
    assert liked not in after
    visit.page.wait_for_selector("[data-topic]")
    assert "moved up" in visit.page.locator("#status").inner_text()
    assert visit.page.locator("[data-shelf=for_you] .badge").count() > 0
    said = [(event.event_type, event.item_id, event.position) for event in visit.said()]
    assert said == [("like", liked, 5)]


def test_a_guest_can_start_with_a_topic(visit: Visit) -> None:
    visit.go("lang=en")
    before = visit.shown()
    visit.page.locator("[data-start='country=Chile']").click()
    visit.wait_changed(before)
    assert sum("Chile" in line for line in visit.traits()) > 5


def test_picking_a_person_shows_their_list_and_what_is_heard_in_them(visit: Visit) -> None:
    visit.go("lang=en")
    before = visit.shown()
    visit.page.locator("[data-act=people]").click()
    visit.page.locator("#people-q").fill("ann-12")
    person = visit.page.locator("[data-user=ann-12]")
    visit.page.wait_for_function("() => document.querySelectorAll('[data-user]').length === 1")
    person.click()
    visit.wait_changed(before)
    assert visit.page.locator(".who-name").inner_text() == "ann-12"
    visit.page.wait_for_selector("[data-topic]")


def test_a_dislike_leaves_at_once_and_comes_back_when_the_server_did_not_take_it(visit: Visit) -> None:
    visit.go()
    before = visit.shown()
    visit.page.locator(f"[data-item={before[1]}] [data-act=dislike]").first.click()
    assert before[1] not in visit.wait_changed(before)
    visit.page.wait_for_selector("#status:has-text('is out')")
    settled = visit.shown()
    visit.cut("/events")
    visit.page.locator(f"[data-shelf=for_you] [data-item={settled[0]}] [data-act=dislike]").click()
    visit.page.wait_for_selector("#status:has-text('taken back')")
    assert visit.shown() == settled
    visit.complaints.clear()  # the browser logs the cut


def test_a_click_opens_the_item_with_its_reasons_and_brings_the_related_shelf(visit: Visit) -> None:
    visit.go()
    first = visit.shown()[0]
    visit.page.locator("[data-shelf=for_you] .card-open").first.click()
    dialog = visit.page.locator("#detail")
    dialog.locator(".reasons li").first.wait_for()
    dialog.locator(".row [data-item]").first.wait_for()
    assert "% of the score" in dialog.inner_text()
    visit.page.keyboard.press("Escape")
    visit.page.wait_for_selector("[data-shelf=related] [data-item]")
    assert first not in visit.shown("related")
    assert [(event.event_type, event.item_id) for event in visit.said()] == [("click", first)]


def test_search_finds_and_says_when_nothing_is_found(visit: Visit) -> None:
    visit.go()
    visit.page.locator("#q").fill("riesling")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector("[data-shelf=search] [data-item]")
    titles = visit.page.locator("[data-shelf=search] .card-open").all_inner_texts()
    assert len(titles) == 12
    assert all("Riesling" in title for title in titles)
    visit.page.locator("#q").fill("<b>zzz</b>")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector("text=Nothing sounds like “<b>zzz</b>”")
    visit.page.locator("[data-act=clear-search]").click()
    assert visit.page.locator("[data-shelf=search]").count() == 0


def test_a_wish_tunes_the_own_list_until_it_is_taken_away(visit: Visit) -> None:
    visit.go()
    before = visit.shown()
    already = sum("Riesling" in line for line in visit.traits())
    visit.page.locator("#q").fill("riesling")
    visit.page.locator("[data-act=wish]").click()
    tuned = visit.wait_changed(before)
    assert sum("Riesling" in line for line in visit.traits()) > already
    visit.page.get_by_role("button", name="Remove the wish").click()
    assert visit.wait_changed(tuned) == before


def test_the_language_switch_turns_the_page_and_the_reasons(visit: Visit) -> None:
    visit.go()
    visit.speak("zh-Hans")
    visit.page.wait_for_selector("text=为你推荐")
    visit.page.wait_for_selector(".reason:has-text('因为')")
    assert visit.page.locator("#profile-title").inner_text() == "我们听到的你"
    visit.speak("en")
    visit.page.wait_for_selector(".reason:has-text('Because')")


def test_a_removed_topic_leaves_the_list_and_can_come_back(visit: Visit) -> None:
    visit.go()
    before = visit.shown()
    topic = visit.page.locator("[data-topic^=country]").first
    name = topic.get_attribute("data-topic")
    topic.locator(".topic-name").click()
    assert topic.locator(".evidence .link").count() > 0
    topic.locator("[data-act=refuse]").click()
    visit.wait_changed(before)
    value = name.split("=")[1]
    assert all(value not in text for text in visit.traits())
    now = visit.shown()
    visit.page.locator(f"[data-chip='{name}'] [data-act=allow]").click()
    assert visit.wait_changed(now) == before


def test_an_added_topic_comes_into_the_list_and_an_unknown_one_is_explained(visit: Visit) -> None:
    visit.go()
    before = visit.shown()
    already = sum("Malbec" in line for line in visit.traits())
    visit.page.locator("#topic-field").fill("malbec")
    visit.page.keyboard.press("Enter")
    visit.wait_changed(before)
    assert sum("Malbec" in line for line in visit.traits()) > already
    visit.page.locator("#topic-field").fill("moonlight")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector("#status:has-text('moonlight')")


def test_a_filter_keeps_only_what_fits(visit: Visit) -> None:
    visit.go()
    before = visit.shown()
    visit.page.locator(".filters summary").click()
    visit.page.locator("#filter-country").select_option("Italy")
    visit.wait_changed(before)
    assert all("Italy" in text for text in visit.traits())
    visit.page.wait_for_selector("text=Filters, 1 on")


def test_the_drawer_shows_every_stage_with_what_it_took_kept_and_dropped(visit: Visit) -> None:
    visit.go()
    visit.page.locator("[data-shelf=for_you] [data-act=trace]").click()
    said = visit.page.locator("#trace").inner_text()
    for word in ("Retrieve", "transition", "Merge", "Filter", "left out: seen", "ms", "Version 0001"):
        assert word in said
    visit.page.locator("#trace [data-act=close]").click()
    assert not visit.page.locator("#trace").is_visible()


def test_hostile_texts_are_shown_as_text(visit: Visit) -> None:
    visit.go("user=ann-2&lang=en")
    visit.page.locator("#q").fill("onerror")
    visit.page.keyboard.press("Enter")
    title = visit.page.locator("[data-shelf=search] .card-open").first
    title.wait_for()
    assert title.inner_text() == HOSTILE
    title.click()
    visit.page.wait_for_selector("#detail .facts")
    assert visit.page.locator("img, main script, dialog script").count() == 0
    assert visit.page.evaluate("window.hacked") is None


@pytest.mark.parametrize("visit", [PHONE], indirect=True)
def test_on_a_phone_everything_fits_the_width(visit: Visit) -> None:
    visit.go()
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 375
    visit.page.locator("[data-shelf=for_you] .card-open").first.tap()
    visit.page.wait_for_selector("#detail .reasons li")
    assert visit.page.locator("#detail").evaluate("sheet => sheet.scrollWidth <= sheet.clientWidth")
    visit.page.keyboard.press("Escape")
    visit.page.wait_for_selector("#detail", state="hidden")
    # The closing sheet and lists that arrive late lay the page out anew, so the sizes are asked until they stand.
    visit.page.wait_for_function(
        """() => {
          const all = [...document.querySelectorAll("[data-shelf] [data-act=like]")];
          return all.length > 0 && all.every(one => one.getBoundingClientRect().height >= 44);
        }"""
    )


def test_the_keyboard_alone_can_like(visit: Visit) -> None:
    visit.go()
    before = visit.shown()
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    visit.page.locator("[data-shelf=for_you] [data-act=like]").first.focus()
    visit.page.keyboard.press("Enter")
    visit.wait_changed(before)
    assert visit.page.evaluate("document.activeElement.dataset.act") == "like"


def test_a_person_nobody_knows_is_answered_with_a_way_on(visit: Visit) -> None:
    visit.arrive("user=unknown&lang=en")
    visit.page.wait_for_selector("#banner:has-text('We do not know “unknown”')")
    visit.page.locator("#banner").get_by_role("button", name="Start as a guest").click()
    visit.page.wait_for_selector("[data-shelf=for_you] [data-item]")
    assert visit.page.locator("#banner").is_hidden()
    visit.complaints.clear()  # the browser logs the 404


def test_a_server_that_is_gone_is_said_and_found_again(visit: Visit) -> None:
    visit.cut("/users/**", "/recommendations", "/health/ready")
    visit.arrive("user=ann-1&lang=en")
    visit.page.wait_for_selector("#banner:has-text('does not answer')")
    visit.page.wait_for_selector("[data-shelf=for_you] [data-state=error]")
    visit.page.unroute_all()
    visit.page.locator("#banner").get_by_role("button", name="Try now").click()
    visit.page.wait_for_selector("[data-shelf=for_you] [data-item]")
    assert visit.page.locator("#banner").is_hidden()
    visit.complaints.clear()  # the browser logs the cuts


def test_attributes_are_called_as_the_pack_calls_them_in_the_language_of_the_page(visit: Visit) -> None:
    visit.go("lang=zh")
    visit.page.locator(".card-open").first.click()
    facts = visit.page.locator("dialog[open] dl.facts dt").all_inner_texts()
    assert {"类型", "国家", "葡萄品种", "酒精度"} <= set(facts)
    assert visit.page.locator("#q").get_attribute("placeholder") == load_pack("wines", Path()).examples["zh.search"]
