"""Rephrased: true words take the template's place from the next answer on; untrue, slow and failing ones never do."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from zhiyin.candidates import Candidates, Reason
from zhiyin.errors import BudgetExceeded, ModelError
from zhiyin.event import CODES
from zhiyin.explanation.rephrased import Rephrased
from zhiyin.explanation.templates import Templates
from zhiyin.item import Item, Items
from zhiyin.llm.fake import Fake
from zhiyin.profile import History, Profile
from zhiyin.query import Query

ITEMS = Items([Item("a", "Silk Road"), Item("b", "Old Hill"), Item("c", "Night Sea")])
TRUE = "You liked Silk Road, and people who chose it tend to choose this as well."
HISTORY = History(
    np.array([0], np.int32), np.ones(1), np.ones(1, np.float32), np.array([CODES["like"]], np.uint8), ("e1",)
)


def said(part: Rephrased, language: str = "en", user: str = "u") -> str:
    query = Query(Profile(user, history=HISTORY), language=language)
    found = Candidates(
        np.array([2], np.int32), np.ones(1, np.float32), reasons=((Reason("history", ("a",), source="ease"),),)
    )
    found = replace(found, reasons=Templates().explain(query, found, ITEMS))
    return part.explain(query, found, ITEMS)[0][0].sentence


TEMPLATE = said(Rephrased())


def with_model(*replies: object) -> tuple[Rephrased, Fake]:
    part, model = Rephrased(), Fake(list(replies))
    part.speak_with(model)
    return part, model


def test_the_first_answer_is_the_template_and_the_next_has_the_new_words():
    part, model = with_model({"sentence": TRUE})
    assert said(part) == TEMPLATE
    part.settle()
    assert said(part) == TRUE.rstrip(".")
    assert said(part) == TRUE.rstrip(".")
    assert len(model.asked) == 1
    assert "Silk Road" in model.heard


@pytest.mark.parametrize(
    "reply",
    [
        {"sentence": "You liked Old Hill, and people who chose it tend to choose this as well."},
        {"sentence": "You liked Silk Road, and experts choose this."},
        {"sentence": ""},
        ModelError("down"),
    ],
)
def test_what_is_not_faithful_or_fails_leaves_the_template_and_is_not_asked_again(reply):
    part, model = with_model(reply)
    assert said(part) == TEMPLATE
    part.settle()
    assert said(part) == TEMPLATE
    part.settle()
    assert len(model.asked) == 1


def test_a_spent_budget_is_tried_again_later():
    part, model = with_model(BudgetExceeded("spent"), {"sentence": TRUE})
    for wanted in (TEMPLATE, TEMPLATE, TRUE.rstrip(".")):
        assert said(part) == wanted
        part.settle()
    assert len(model.asked) == 2


def test_an_answer_does_not_wait_for_the_model():
    free = threading.Event()
    part = Rephrased()
    part.speak_with(Fake(lambda messages: free.wait(20) and {"sentence": TRUE}))
    assert said(part) == TEMPLATE
    assert said(part) == TEMPLATE
    free.set()
    part.settle()
    assert said(part) == TRUE.rstrip(".")


def test_without_a_model_nothing_changes_and_a_deleted_user_s_words_go():
    assert said(Rephrased()) == TEMPLATE
    part, model = with_model({"sentence": TRUE}, {"sentence": TRUE})
    said(part, user="gone")
    part.settle()
    part.forget("gone")
    assert said(part, user="gone") == TEMPLATE
    part.settle()
    assert len(model.asked) == 2


def test_chinese_is_asked_in_chinese():
    part, model = with_model({"sentence": "你喜欢“Silk Road”，选过的人往往也选这款。"})
    said(part, "zh")
    part.settle()
    assert said(part, "zh").startswith("你喜欢")
    assert "换一种说法" in model.heard
