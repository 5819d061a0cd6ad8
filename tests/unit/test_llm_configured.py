"""configured and `zhiyin llm`: which model serves what, from a file and the environment, and what it cost."""

import json

import pytest
from llm_endpoint import endpoint, said
from typer.testing import CliRunner

from zhiyin.cli.llm import app
from zhiyin.errors import BudgetExceeded, SettingError
from zhiyin.llm.budget import DAY, Daily
from zhiyin.llm.cache import speaking_of
from zhiyin.llm.configured import Models, bare_model, model_of, read_settings
from zhiyin.llm.huggingface import HuggingFace
from zhiyin.llm.local import Local
from zhiyin.llm.openai import OpenAI
from zhiyin.llm.usage import usage
from zhiyin.ports import Call, Message

ASKED = [Message("user", "I am ann@example.com, what suits me?")]
FILE = """
[llm]
use = "openai"
url = "http://127.0.0.1:1/v1"
model = "m"
uses = ["chat"]
price_prompt = 1000000
daily_tokens = 100
"""


def test_without_settings_no_model_is_asked(tmp_path):
    settings = read_settings(tmp_path, {})
    assert settings.use == "none"
    assert model_of(tmp_path, "chat", settings) is None
    assert not list(tmp_path.iterdir()), "and no file is made"


def test_the_environment_wins_over_the_file(tmp_path):
    (tmp_path / "zhiyin.toml").write_text(FILE)
    assert read_settings(tmp_path, {}).model == "m"
    settings = read_settings(
        tmp_path, {"ZHIYIN_LLM_MODEL": "n", "ZHIYIN_LLM_USES": "chat, profiles", "ZHIYIN_LLM_TIMEOUT": "3"}
    )
    assert (settings.model, settings.uses, settings.timeout) == ("n", ("chat", "profiles"), 3.0)
    assert read_settings(None, {"ZHIYIN_LLM_URL": "http://x/v1", "ZHIYIN_LLM_MODEL": "q"}).use == "openai"


def test_an_endpoint_serves_everything_and_a_local_model_only_what_is_named():
    remote = read_settings(None, {"ZHIYIN_LLM_URL": "http://x/v1", "ZHIYIN_LLM_MODEL": "q"})
    small = read_settings(None, {"ZHIYIN_LLM_USE": "local"})
    named = read_settings(None, {"ZHIYIN_LLM_USE": "local", "ZHIYIN_LLM_USES": "profiles"})
    asked = [[one.asked_for(use) for use in ("chat", "profiles")] for one in (remote, small, named)]
    assert asked == [[True, True], [False, False], [False, True]]
    assert isinstance(bare_model(remote), OpenAI)
    assert isinstance(bare_model(small), Local)
    assert isinstance(bare_model(read_settings(None, {"ZHIYIN_LLM_USE": "huggingface"})), HuggingFace)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[llm]\nuse = "magic"', "must be one of none, openai"),
        ('[llm]\nuse = "openai"', "ZHIYIN_LLM_MODEL"),
        ('[llm]\nmodle = "x"', "Did you mean 'model'"),
        ('[llm]\nkey = "sk-1"', "set ZHIYIN_LLM_KEY"),
        ('[llm]\nuses = ["cooking"]', "cooking"),
        ('[llm]\ntimeout = "soon"', "timeout = 'soon'"),
        ("[llm", "not valid TOML"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path, text, why):
    (tmp_path / "zhiyin.toml").write_text(text)
    with pytest.raises(SettingError, match=why):
        read_settings(tmp_path, {})


def test_the_adapter_of_the_version_is_found_and_one_that_does_not_help_is_passed_over(tmp_path):
    (tmp_path / "zhiyin.toml").write_text('[llm]\nuse = "huggingface"\nadapter = "version"')
    (tmp_path / "current").write_text("0003\n")
    with pytest.raises(SettingError, match=r"no version up to 0003 .* run `zhiyin llm finetune`"):
        read_settings(tmp_path, {})
    for version, helps in (("0001", True), ("0002", True), ("0003", False), ("0004", True)):
        (tmp_path / "versions" / version / "adapter").mkdir(parents=True)
        (tmp_path / "versions" / version / "adapter" / "report.json").write_text(json.dumps({"helps": helps}))
    assert read_settings(tmp_path, {}).adapter == str(tmp_path / "versions" / "0002" / "adapter")
    (tmp_path / "versions" / "0003" / "adapter" / "report.json").write_text("{}")
    with pytest.raises(SettingError, match="0003"):
        read_settings(tmp_path, {})


def test_a_model_made_ready_is_guarded_counted_remembered_and_bounded(tmp_path):
    pytest.importorskip("openai")
    (tmp_path / "zhiyin.toml").write_text(FILE)
    now = [5 * DAY]
    with endpoint((200, said("a merlot"))) as server:
        settings = read_settings(tmp_path, {"ZHIYIN_LLM_URL": server.url})
        models = Models(tmp_path, settings, clock=lambda: now[0])
        assert models.of("profiles") is None
        chat = models.of("chat")
        with speaking_of("ann"):
            assert [chat.complete(Call(ASKED, max_tokens=20)).cached for _ in range(2)] == [False, True]
        assert "ann@example.com" not in str(server.asked)
        assert "[email]" in str(server.asked)
        chat.complete(Call([Message("user", "more")], max_tokens=20))
        with pytest.raises(BudgetExceeded):
            chat.complete(Call([Message("user", "much more")], max_tokens=90))
        restarted = Models(tmp_path, settings, clock=lambda: now[0]).of("chat")
        with pytest.raises(BudgetExceeded, match="64 are left"):
            restarted.complete(Call([Message("user", "much more")], max_tokens=90))
        now[0] += DAY
        restarted.complete(Call([Message("user", "much more")], max_tokens=80))
    line = usage(models.database)[0]
    assert (line.calls, line.cached, line.failed, line.users, line.money) == (6, 1, 2, 1, 33)
    assert models.forget("ann") == 1
    shown = CliRunner().invoke(app, ["usage", "-w", str(tmp_path)]).output
    assert "chat" in shown
    assert "17%" in shown


def test_a_day_gives_the_budget_back():
    now = [0.0]
    budget = Daily(tokens=10, clock=lambda: now[0])
    budget.take(8, 0)
    with pytest.raises(BudgetExceeded):
        budget.take(8, 0)
    now[0] = DAY
    budget.take(8, 0)


def test_the_command_line_prints_the_cost_of_a_thousand_users(tmp_path, monkeypatch):
    from zhiyin.llm.database import Database
    from zhiyin.llm.fake import Fake
    from zhiyin.llm.usage import Metered, Price

    run = CliRunner()
    assert "no language model was asked" in run.invoke(app, ["usage", "-w", str(tmp_path)]).output
    model = Metered(Fake(lambda messages: "x" * 400), Database(tmp_path / "llm.db"), "profiles", Price(1, 2))
    for user in range(4):
        with speaking_of(str(user)):
            model.complete(Call([Message("user", "y" * 400)]))
    shown = run.invoke(app, ["usage", "-w", str(tmp_path)]).output
    assert "200,000 tokens" in shown
    assert "0.30 money" in shown
    assert "1 replies" not in run.invoke(app, ["forget", "0", "-w", str(tmp_path)]).output
    monkeypatch.delenv("ZHIYIN_LLM_URL", raising=False)
    assert "deterministic" in run.invoke(app, ["check", "-w", str(tmp_path)]).output


def test_check_asks_the_model_that_is_set_up(tmp_path, monkeypatch):
    pytest.importorskip("openai")
    monkeypatch.setenv("ZHIYIN_LLM_MODEL", "m")
    with endpoint((200, said('{"colour": "white"}'))) as server:
        monkeypatch.setenv("ZHIYIN_LLM_URL", server.url)
        shown = CliRunner().invoke(app, ["check", "-w", str(tmp_path)]).output
        assert "openai m, for: profiles, enrichment" in shown
        assert 'answered \'{"colour": "white"}\'' in shown
    monkeypatch.setenv("ZHIYIN_LLM_RETRIES", "0")
    assert "failed: " in CliRunner().invoke(app, ["check", "-w", str(tmp_path)]).output
