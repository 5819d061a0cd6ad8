"""The training loop: a known answer, resuming, stopping, several processes, and leaving no trace."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from zhiyin.errors import SettingError, TrainingError
from zhiyin.learning.loop import LoopSettings, train, weights_of

torch = pytest.importorskip("torch")


def line(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.nn.Sequential(torch.nn.Dropout(0.1), torch.nn.Linear(2, 1))


X = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
Y = (X @ np.array([2.0, -1.0], np.float32)) + 0.5


def squared(model):
    def loss(rows, generator):
        return ((model(torch.from_numpy(X[rows]))[:, 0] - torch.from_numpy(Y[rows])) ** 2).mean()

    return loss


def test_it_finds_the_line_that_made_the_data():
    model = torch.nn.Linear(2, 1)
    weights = train(model, 64, 16, squared(model), LoopSettings(epochs=150, learning_rate=0.03, patience=1000))
    assert weights["weight"][0] == pytest.approx([2, -1], abs=0.02)
    assert weights["bias"] == pytest.approx([0.5], abs=0.02)


def test_a_resumed_training_equals_one_never_cut_off(tmp_path):
    whole, first, second = line(), line(), line(seed=9)
    expected = train(whole, 64, 16, squared(whole), LoopSettings(epochs=6))
    train(first, 64, 16, squared(first), LoopSettings(epochs=2), checkpoint=tmp_path)
    got = train(second, 64, 16, squared(second), LoopSettings(epochs=6), checkpoint=tmp_path)
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array)


def test_the_best_epoch_is_returned_and_patience_ends_it():
    model, seen, values = line(), [], iter([1.0, 3.0, 2.0, 2.0, 9.0])

    def validate():
        seen.append(weights_of(model))
        return next(values)

    best = train(model, 64, 16, squared(model), LoopSettings(patience=2), validate=validate)
    assert len(seen) == 4
    np.testing.assert_array_equal(best["1.weight"], seen[1]["1.weight"])


def test_a_loss_that_is_not_finite_stops_with_the_batch_named():
    model = line()

    def broken(rows, generator):
        value = squared(model)(rows, generator)
        return value * float("nan") if 7 in rows else value

    with pytest.raises(TrainingError, match=r"batch \d of epoch 1"):
        train(model, 64, 16, broken, LoopSettings())


def test_a_checkpoint_of_other_settings_or_damaged_is_refused(tmp_path):
    model = line()
    train(model, 64, 16, squared(model), LoopSettings(epochs=1), checkpoint=tmp_path)
    with pytest.raises(TrainingError, match="learning_rate"):
        train(model, 64, 16, squared(model), LoopSettings(learning_rate=0.5), checkpoint=tmp_path)
    next(tmp_path.glob("*.safetensors")).write_bytes(b"no")
    with pytest.raises(TrainingError, match="damaged"):
        train(model, 64, 16, squared(model), LoopSettings(epochs=2), checkpoint=tmp_path)


def test_global_chance_and_threads_are_left_as_they_were():
    torch.manual_seed(5)
    before, threads, model = torch.get_rng_state(), torch.get_num_threads(), line()
    train(model, 64, 16, squared(model), LoopSettings(epochs=1, threads=1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_a_spent_budget_ends_before_the_next_epoch():
    model, epochs = line(), []
    train(model, 64, 16, squared(model), LoopSettings(steps=11), progress=lambda state: epochs.append(state.epoch))
    assert epochs == [1, 2], "four batches an epoch, and a third would need twelve"


def test_one_epoch_is_run_however_small_the_budget():
    model, epochs = line(), []
    train(model, 64, 16, squared(model), LoopSettings(steps=1), progress=lambda state: epochs.append(state.epoch))
    assert epochs == [1]


def test_the_learning_rate_cools_by_epoch():
    rates, model = [], line()
    torch_adam = torch.optim.AdamW

    class Watched(torch_adam):
        def step(self, *arguments, **named):
            rates.append(self.param_groups[0]["lr"])
            return super().step(*arguments, **named)

    torch.optim.AdamW = Watched
    try:
        train(model, 64, 64, squared(model), LoopSettings(epochs=3, learning_rate=0.1, cooling=0.5))
    finally:
        torch.optim.AdamW = torch_adam
    assert rates == pytest.approx([0.1, 0.05, 0.025])


def test_named_parameters_learn_slower_and_rates_rise_first(monkeypatch):
    rates, model = [], line()

    class Watched(torch.optim.AdamW):
        def step(self, *given):
            rates.append([group["lr"] for group in self.param_groups])
            super().step(*given)

    monkeypatch.setattr(torch.optim, "AdamW", Watched)
    how = LoopSettings(epochs=2, learning_rate=0.1, slower=(("1.bias", 0.5),), warmup=4)
    train(model, 32, 16, squared(model), how)
    assert np.allclose(rates, np.outer([0.025, 0.05, 0.075, 0.1], [1, 0.5]))


def test_half_precision_is_for_products_only_and_a_wrong_name_is_refused():
    model, kinds = torch.nn.Linear(2, 1), []

    def loss(rows, generator):
        made = model(torch.from_numpy(X[rows]))
        kinds.append(made.dtype)
        return (made.float()[:, 0] - torch.from_numpy(Y[rows])).square().mean()

    train(model, 64, 64, loss, LoopSettings(epochs=1, precision="bfloat16"))
    train(model, 64, 64, loss, LoopSettings(epochs=1))
    assert kinds == [torch.bfloat16, torch.float32]
    assert model.weight.dtype == torch.float32
    with pytest.raises(SettingError, match="bfloat16"):
        train(model, 64, 64, loss, LoopSettings(epochs=1, precision="half"))


ONE_OF_TWO = """
    import sys
    sys.path.insert(0, {tests!r})
    import torch
    from test_loop import LoopSettings, squared, train
    rank, folder = int(sys.argv[1]), {folder!r}
    torch.distributed.init_process_group("gloo", init_method="file://" + folder + "/meet", rank=rank, world_size=2)
    torch.manual_seed(1)
    model = torch.nn.Linear(2, 1)
    weights = train(model, 64, 8, squared(model), LoopSettings(epochs=2, learning_rate=0.05))
    import numpy
    numpy.savez(folder + "/" + str(rank) + ".npz", **weights)
"""


@pytest.mark.slow
def test_two_processes_learn_what_one_does_with_batches_twice_as_large(tmp_path):
    script = textwrap.dedent(ONE_OF_TWO.format(tests=str(Path(__file__).parent), folder=str(tmp_path)))
    both = [subprocess.Popen([sys.executable, "-c", script, str(rank)]) for rank in (0, 1)]
    assert [one.wait(timeout=120) for one in both] == [0, 0]
    torch.manual_seed(1)
    model = torch.nn.Linear(2, 1)
    alone = train(model, 64, 16, squared(model), LoopSettings(epochs=2, learning_rate=0.05))
    for rank in (0, 1):
        learned = np.load(tmp_path / f"{rank}.npz")
        for name, array in alone.items():
            np.testing.assert_allclose(learned[name], array, atol=1e-6)
