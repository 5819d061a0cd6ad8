"""Losses against numbers worked out by hand, and negatives against their probabilities."""

import math

import numpy as np
import pytest

from zhiyin.errors import DataError, SettingError
from zhiyin.learning.losses import bpr_loss, gbce_loss, listwise_kl_loss, sampled_softmax_loss, softmax_loss
from zhiyin.learning.negatives import Negatives

torch = pytest.importorskip("torch")


def test_equal_logits_cost_the_log_of_the_catalogue():
    assert softmax_loss(torch.zeros(3, 8), torch.tensor([0, 3, 7])).item() == pytest.approx(math.log(8))


def test_a_target_drawn_as_its_own_negative_is_masked():
    sampled = torch.tensor([1, 2])
    loss = sampled_softmax_loss(torch.zeros(1), torch.zeros(1, 2), torch.zeros(2), torch.tensor([1]), sampled)
    assert loss.item() == pytest.approx(math.log(2))


def test_sampling_every_other_item_once_is_the_full_softmax():
    logits = torch.tensor([[0.3, -1.0, 2.0, 0.5]])
    loss = sampled_softmax_loss(
        logits[:, 2], logits[:, [0, 1, 3]], torch.zeros(3), torch.tensor([2]), torch.tensor([0, 1, 3])
    )
    assert loss.item() == pytest.approx(softmax_loss(logits, torch.tensor([2])).item(), rel=1e-6)


def test_drawing_twice_as_often_halves_a_negatives_say():
    loss = sampled_softmax_loss(
        torch.zeros(1), torch.zeros(1, 1), torch.tensor([math.log(2)]), torch.tensor([0]), torch.tensor([1])
    )
    assert loss.item() == pytest.approx(math.log(1.5))


def test_gbce_without_calibration_is_plain_and_with_it_weighs_the_positive_by_the_sampling_rate():
    plain = gbce_loss(torch.zeros(1), torch.zeros(1, 2), 11, calibration=0.0)
    full = gbce_loss(torch.zeros(1), torch.zeros(1, 2), 11, calibration=1.0)
    assert plain.item() == pytest.approx(3 * math.log(2))
    assert full.item() == pytest.approx(2.2 * math.log(2))


def test_bpr_stays_finite_and_right_far_from_zero():
    assert bpr_loss(torch.tensor([-1000.0]), torch.tensor([0.0])).item() == pytest.approx(1000.0)
    assert bpr_loss(torch.zeros(2), torch.zeros(2)).item() == pytest.approx(math.log(2))


def test_listwise_kl_is_zero_for_the_same_order_of_odds_and_known_otherwise():
    teacher = torch.tensor([[math.log(3.0), 0.0]])
    assert listwise_kl_loss(teacher + 5, teacher).item() == pytest.approx(0, abs=1e-6)
    known = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert listwise_kl_loss(torch.zeros(1, 2), teacher).item() == pytest.approx(known, rel=1e-5)


@pytest.mark.parametrize("loss", [bpr_loss, lambda a, b: gbce_loss(a, b[:, None], 9)])
def test_gradients_are_finite_differences(loss):
    assert_close = torch.testing.assert_close
    positive = torch.tensor([0.4, -0.7], requires_grad=True)
    negative = torch.tensor([0.1, 0.3])
    loss(positive, negative).backward()
    step = torch.tensor([1e-2, 0.0])
    with torch.no_grad():
        slope = (loss(positive + step, negative) - loss(positive - step, negative)) / 2e-2
    assert_close(positive.grad[0], slope, atol=1e-4, rtol=1e-3)


def test_negatives_come_as_often_as_they_say_and_the_same_for_a_seed():
    source = Negatives.mixed(np.array([0, 1, 3]), uniform=0.5)
    assert source.probabilities == pytest.approx([1 / 6, 1 / 6 + 1 / 8, 1 / 6 + 3 / 8])
    drawn = source.draw(60_000, np.random.default_rng(1))
    assert np.bincount(drawn, minlength=3) / 60_000 == pytest.approx(source.probabilities, abs=0.01)
    assert (drawn == source.draw(60_000, np.random.default_rng(1))).all()
    assert source.log_expected(np.array([0]), 12) == pytest.approx(math.log(2))


def test_nothing_to_draw_and_a_wrong_share_are_refused():
    with pytest.raises(DataError, match="no item"):
        Negatives.mixed(np.empty(0))
    with pytest.raises(SettingError, match="uniform"):
        Negatives.mixed(np.ones(2), uniform=2)
    assert Negatives.mixed(np.zeros(4), uniform=0).probabilities == pytest.approx([0.25] * 4)
