"""The conversation on the page, in Chromium: what is said, what comes back, and what it changes in the list."""

from __future__ import annotations

import pytest
from page_server import HOSTILE
from page_visit import Visit

pytestmark = pytest.mark.browser


def say(visit: Visit, words: str) -> None:
    turns = visit.page.locator(".turn").count()
    visit.page.locator("#chat-field").fill(words)
    visit.page.locator("#chat-field").press("Enter")
    visit.page.wait_for_function(
        "n => document.querySelectorAll('.turn').length === n && document.querySelector('.turn:last-child .turn-text').dataset.state === 'done'",
        arg=turns + 1,
    )


def found(visit: Visit) -> list[str]:
    return [one.get_attribute("data-item") for one in visit.page.locator(".turn:last-child .found").all()]


def grapes_and_countries(visit: Visit, ids: list[str]) -> list[tuple[str, str]]:
    rows = [visit.engine.store.catalog.get(one).attributes for one in ids]
    return [(row["grapes"][0], row["country"]) for row in rows]


def test_a_message_is_answered_with_items_that_meet_it_and_a_follow_up_with_others(visit: Visit) -> None:
    visit.go("lang=en")
    say(visit, "Riesling, but not from France")
    first = found(visit)
    assert len(first) == 5
    assert all(grape == "Riesling" and country != "France" for grape, country in grapes_and_countries(visit, first))
    assert "Riesling" in visit.page.locator(".turn:last-child .turn-text").inner_text()
    visit.page.locator("[data-say=another]").click()
    visit.page.wait_for_function(
        "() => document.querySelectorAll('.turn').length === 2 && !document.querySelector('.turn-text[data-state=busy]')"
    )
    assert found(visit)
    assert not set(found(visit)) & set(first)


def test_an_opinion_in_words_changes_the_list_and_is_an_event(visit: Visit) -> None:
    visit.go("lang=en")
    before = visit.shown()
    say(visit, "Malbec from Chile")
    liked = found(visit)[0]
    say(visit, "I like the first one")
    visit.wait_changed(before)
    assert [(event.event_type, event.item_id) for event in visit.said() if event.event_type == "like"] == [
        ("like", liked)
    ]
    visit.page.wait_for_selector("[data-topic='country=Chile']")


def test_chinese_is_answered_in_chinese(visit: Visit) -> None:
    visit.go("lang=zh")
    say(visit, "智利的酒，不要Merlot")
    assert "智利" in visit.page.locator(".turn-said").inner_text()
    assert "条件" in visit.page.locator(".turn-text").inner_text()
    assert all(grape != "Merlot" and country == "Chile" for grape, country in grapes_and_countries(visit, found(visit)))


def test_a_found_item_opens_and_hostile_titles_and_messages_stay_text(visit: Visit) -> None:
    visit.go("lang=en")
    say(visit, HOSTILE)
    assert HOSTILE in visit.page.locator(".turn-said").inner_text()
    say(visit, "start over")
    say(visit, "eight wines with Merlot from France")
    assert HOSTILE in visit.page.locator(".turn:last-child").inner_text()
    assert visit.page.evaluate("window.hacked") is None
    visit.page.locator(".turn:last-child .found-title").first.click()
    visit.page.wait_for_selector("#detail[open]")


def test_a_message_that_did_not_arrive_is_said_and_the_page_goes_on(visit: Visit) -> None:
    visit.go("lang=en")
    visit.page.route("**/chat", lambda route: route.abort())
    visit.page.locator("#chat-field").fill("Riesling")
    visit.page.locator("#chat-field").press("Enter")
    visit.page.wait_for_selector(".turn-text[data-state=failed]")
    visit.page.unroute("**/chat")
    say(visit, "Riesling")
    assert len(found(visit)) == 5
    visit.complaints.clear()  # the browser complains of the request that was cut on purpose
