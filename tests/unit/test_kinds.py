"""The table of kinds: codes that never move, and names that lead to one kind each."""

from collections import Counter

import polars as pl
import pytest

from zhiyin.behaviour.kinds import CODES, DEFAULT, KINDS, TABLE, folded, kind_of, known_kind
from zhiyin.data.columns import kind_names

FROZEN = (
    *("impression", "view", "click", "like", "dislike", "favourite", "rating", "comment", "purchase", "dwell", "skip"),
    *("search", "message", "listen", "interaction", "share", "cart", "remove_from_cart", "refund", "finish"),
)


def test_codes_are_append_only() -> None:
    assert KINDS[: len(FROZEN)] == FROZEN
    assert len(KINDS) < 128
    assert DEFAULT in CODES


def test_a_name_leads_to_one_kind() -> None:
    counted = Counter(name for kind in TABLE for name in {folded(one) for one in (*kind.names, kind.name)})
    assert [name for name, times in counted.items() if times > 1] == []


def test_what_is_taken_back_is_a_kind_and_says_nothing_itself() -> None:
    for kind in TABLE:
        assert kind.cancels in ("", *KINDS)
        if kind.cancels:
            assert kind.weight == 0


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("cart", "cart add_to_cart addtocart AddToCart ADD-TO-CART product_added begin_checkout 加购 加入购物车"),
        ("purchase", "checkout transaction buy Buys orders 购买 下单 order_completed"),
        ("favourite", "wishlist Add_To_Wishlist fav star 收藏 favorite"),
        ("listen", "play scrobble 播放"),
        ("view", "pv detail page-view view_item 浏览 watch"),
        ("click", "clickout clicks 点击 select_item"),
        ("rating", "rate 评分"),
        ("comment", "review 评论"),
        ("refund", "return 退款 退货 Order_Refunded"),
        ("remove_from_cart", "removefromcart product_removed 移出购物车"),
        ("finish", "complete 看完"),
        ("share", "分享 repost"),
        ("interaction", "interaction 互动"),
    ],
)
def test_names_of_other_systems(kind: str, names: str) -> None:
    assert {kind_of(name) for name in names.split()} == {kind}


def test_spelling_does_not_matter() -> None:
    spelled = ["  Add to cart ", "ADD_TO_CART", "add-to.cart", "ＡｄｄＴｏＣａｒｔ", None, "hug", ""]
    assert kind_names(pl.Series(spelled)).to_list() == ["cart"] * 4 + [None] * 3


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"'purchse' is no kind of event; there are impression.*mean 'purchase'"):
        known_kind("purchse")
