"""cache, usage, budget, breaker, recorded and prompts: what a call costs, and what is done to make none."""

import json
import sqlite3
import threading
from hashlib import blake2b
from pathlib import Path

import pytest

from zhiyin.errors import BudgetExceeded, InvalidReply, ModelError, SettingError
from zhiyin.llm import prompts
from zhiyin.llm.batch import complete_many
from zhiyin.llm.budget import Breaker, Budget, Budgeted, most_tokens
from zhiyin.llm.cache import Cached, speaking_of
from zhiyin.llm.database import Database
from zhiyin.llm.fake import Fake
from zhiyin.llm.recorded import Recorded
from zhiyin.llm.usage import Metered, Price, spent, usage
from zhiyin.ports import Call, Message

ASKED = [Message("user", "what?")]


@pytest.fixture
def database(tmp_path):
    return Database(tmp_path / "llm.db")


# -- cache ---------------------------------------------------------------------------------------------------------------


def test_what_was_asked_once_is_not_asked_again_even_by_another_process(database):
    fake = Fake(["a", "b"])
    first = Cached(fake, database).complete(Call(ASKED))
    again = Cached(fake, Database(database.path)).complete(Call(ASKED))
    assert (first.text, first.cached) == ("a", False)
    assert (again.text, again.cached, again.seconds) == ("a", True, 0)
    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    "change",
    [{"max_tokens": 9}, {"temperature": 0.5}, {"seed": 1}, {"schema": {"type": "object"}}, {"timeout": 3}],
)
def test_everything_that_shapes_a_reply_is_in_the_key(database, change):
    fake = Fake(["{}", "{}"])
    model = Cached(fake, database)
    model.complete(Call(ASKED))
    model.complete(Call(ASKED, **change))
    assert len(fake.asked) == (1 if "timeout" in change else 2)


def test_another_model_role_or_border_between_messages_is_another_call(database):
    fake = Fake(lambda messages: "x")
    for name, said in [
        ("m", [Message("user", "ab")]),
        ("n", [Message("user", "ab")]),
        ("m", [Message("system", "ab")]),
        ("m", [Message("user", "a"), Message("user", "b")]),
    ]:
        fake.name = name
        assert not Cached(fake, database).complete(Call(said)).cached


def test_a_broken_reply_is_not_kept(database):
    fake = Fake(['{"a": 1', '{"a": 1}'])
    model = Cached(fake, database)
    schema = {"type": "object"}
    assert [model.complete(Call(ASKED, schema=schema)).text for _ in range(3)] == ['{"a": 1', '{"a": 1}', '{"a": 1}']


def test_forgetting_a_user_forgets_the_replies_about_them_and_nobody_elses(database):
    fake = Fake(lambda messages: messages[-1].content)
    model = Metered(Cached(fake, database), database, "profiles")
    for user in ("ann", "bob"):
        with speaking_of(user):
            model.complete(Call([Message("user", f"about {user}")]))
    assert b"about ann" in database.path.read_bytes()
    assert database.forget("ann") == 1
    assert b"about ann" not in database.path.read_bytes()
    assert [row[0] for row in database.read("SELECT reply FROM replies")] == [json.dumps(["about bob", "fake", 2, 2])]
    assert usage(database)[0].users == 1
    assert not [row for row in database.read("SELECT about FROM replies") if row[0] == "bob"], "ids are not readable"


def test_threads_of_a_batch_know_whom_they_speak_of(database):
    model = Cached(Fake(lambda messages: "x"), database)
    with speaking_of("ann"):
        list(complete_many(["1", "2"], lambda text: model.complete(Call([Message("user", text)]))))
    assert database.forget("ann") == 2


def test_a_damaged_file_is_moved_aside_and_a_mistake_of_ours_is_named(tmp_path):
    path = tmp_path / "llm.db"
    path.write_bytes(b"not a database" * 500)
    with pytest.warns(UserWarning, match="begun anew"):
        database = Database(path)
    assert Cached(Fake(["x"]), database).complete(Call(ASKED)).text == "x"
    assert path.with_name("llm.db.damaged").is_file()
    with pytest.raises(ModelError, match="no such table"):
        database.read("SELECT * FROM no_table")
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


# -- usage ---------------------------------------------------------------------------------------------------------------


def test_usage_adds_up_by_use_and_model_and_counts_a_remembered_reply_as_free(database):
    fake = Fake(lambda messages: "four" * 4)
    moments = iter([10.0, 20.0, 30.0, 40.0])
    price = Price(prompt=1e6, reply=2e6)

    def model(use):
        return Metered(Cached(fake, database), database, use, price, lambda: next(moments))

    for user in ("ann", "bob"):
        with speaking_of(user):
            model("profiles").complete(Call([Message("user", "12345678" + user)]))
    model("profiles").complete(Call([Message("user", "12345678ann")]))
    model("chat").complete(Call([Message("user", "x" * 40)]))
    chat, profiles = usage(database)
    assert (chat.use, chat.calls, chat.prompt_tokens, chat.reply_tokens, chat.money) == ("chat", 1, 10, 4, 18)
    assert (profiles.calls, profiles.cached, profiles.prompt_tokens, profiles.money) == (3, 1, 4, 4 + 16)
    assert profiles.cached_share == pytest.approx(1 / 3)
    assert profiles.users == 2
    assert profiles.per_thousand_users(profiles.money) == 10_000
    assert chat.per_thousand_users(chat.money) is None
    assert [line.use for line in usage(database, since=35)] == ["chat"]
    assert spent(database, 35)[0] == 14


def test_a_failed_call_is_counted_too(database):
    with pytest.raises(ModelError):
        Metered(Fake([ModelError("down")]), database, "chat").complete(Call(ASKED))
    assert (usage(database)[0].calls, usage(database)[0].failed) == (1, 1)


# -- budget --------------------------------------------------------------------------------------------------------------


def test_the_tokens_of_a_budget_are_never_exceeded_even_by_many_at_once():
    asked, answered = 400, []

    def reply(messages):
        answered.append(1)
        return "word" * 50

    budget = Budget(tokens=1000)
    model = Budgeted(Fake(reply), budget)
    outcomes = list(complete_many(range(asked), lambda n: model.complete(Call(ASKED, max_tokens=50)), workers=8))
    used = sum(one.prompt_tokens + one.reply_tokens for _, one in outcomes if not isinstance(one, ModelError))
    assert 800 < used <= 1000
    assert budget.tokens == pytest.approx(1000 - used)
    assert len(outcomes) == asked
    assert isinstance(outcomes[-1][1], BudgetExceeded)
    assert len(answered) < 40


@pytest.mark.parametrize(
    ("limits", "why"), [({"tokens": 5}, "tokens"), ({"money": 1}, "money"), ({"seconds": 0}, "seconds")]
)
def test_a_call_that_might_not_be_paid_for_is_not_made(limits, why):
    fake = Fake(["x"])
    budget = Budget(**limits)
    with pytest.raises(BudgetExceeded, match=why):
        Budgeted(fake, budget, price=Price(1e6, 1e6)).complete(Call(ASKED))
    assert not fake.asked
    assert budget == Budget(**limits) or budget.tokens == limits.get("tokens"), "nothing was taken"


def test_seconds_go_down_as_time_passes_and_what_failed_costs_no_tokens():
    budget = Budget(tokens=1000, seconds=5)
    with pytest.raises(ModelError):
        Budgeted(Fake([ModelError("down")]), budget).complete(Call(ASKED))
    assert budget.tokens == 1000
    assert budget.seconds < 5


def test_most_tokens_is_no_less_than_real_ones():
    assert most_tokens([Message("user", "四个汉字")]) >= 4 + 2


def test_the_breaker_opens_tries_once_and_closes():
    now = [0.0]
    down = [True]

    def reply(messages):
        return ModelError("down") if down[0] else "up"

    fake = Fake(reply)
    model = Budgeted(fake, breaker=Breaker(3, rest=10, clock=lambda: now[0]))

    def tried():
        before = len(fake.asked)
        with pytest.raises(ModelError):
            model.complete(Call(ASKED))
        return len(fake.asked) > before

    assert [tried() for _ in range(5)] == [True, True, True, False, False]
    now[0] = 11
    assert [tried(), tried()] == [True, False], "one trial, then rest again"
    now[0], down[0] = 22, False
    assert model.complete(Call(ASKED)).text == "up"
    down[0] = True
    assert [tried() for _ in range(4)] == [True, True, True, False], "after a success the count begins anew"


def test_only_one_trial_is_made_while_it_is_under_way():
    now = [0.0]
    breaker = Breaker(1, rest=10, clock=lambda: now[0])
    breaker.note(failed=True)
    now[0] = 11
    breaker.check()
    with pytest.raises(ModelError, match="not asked again"):
        breaker.check()


def test_replies_that_cannot_be_read_do_not_open_the_breaker():
    model = Budgeted(Fake(lambda messages: InvalidReply("no")), breaker=Breaker(1, clock=lambda: 0.0))
    for _ in range(3):
        with pytest.raises(InvalidReply):
            model.complete(Call(ASKED))


# -- recorded ------------------------------------------------------------------------------------------------------------


def test_replies_are_recorded_once_and_replayed_without_a_model(tmp_path):
    path = tmp_path / "replies.jsonl"
    recording = Recorded(path, "real-1", Fake(["红酒"]))
    assert recording.complete(Call(ASKED)).text == recording.complete(Call(ASKED)).text == "红酒"
    replayed = Recorded(path, "real-1")
    assert replayed.complete(Call(ASKED)).text == "红酒"
    assert "红酒" in path.read_text("utf-8"), "a person can read it"
    with pytest.raises(ModelError, match="no reply is recorded for 'other'"):
        replayed.complete(Call([Message("user", "other")]))
    with pytest.raises(ModelError, match="no reply is recorded"):
        Recorded(path, "another-model").complete(Call(ASKED))
    path.write_text('{"key": 1}\n')
    with pytest.raises(ModelError, match="line 1: not a recorded reply"):
        Recorded(path, "real-1")


# -- prompts -------------------------------------------------------------------------------------------------------------

KNOWN = Path(__file__).parent.parent / "data" / "prompt_versions.json"


def test_every_prompt_is_there_in_both_languages_with_the_same_gaps_and_version():
    for name in prompts.prompt_names():
        english, chinese = prompts.prompt(name, "en"), prompts.prompt(name, "zh")
        assert english.gaps == chinese.gaps, name
        assert [role for role, _ in english.parts] == [role for role, _ in chinese.parts], name
        assert english.parts != chinese.parts, name


def test_a_prompt_that_changed_has_a_new_version():
    known = json.loads(KNOWN.read_text())
    now = {}
    for name, version in prompts.versions().items():
        text = repr(prompts.prompt(*name.split(".")).parts)
        now[name] = [version, blake2b(text.encode(), digest_size=8).hexdigest()]
    for name, (version, content) in now.items():
        assert name in known, f"new prompt: write {json.dumps(now)} to {KNOWN.name}"
        assert [version, content] == known[name] or version > known[name][0], f"{name} changed: raise its version"


def test_filling_in_is_checked_and_never_done_twice():
    one = prompts.read_prompt("version: 2\n## system\nsay\n## user\n{{a}} and {{b}}\n", "x", "en")
    assert one.version == 2
    assert one.messages(a="{{b}}", b="\\1")[1].content == "{{b}} and \\1"
    for values in ({"a": "1"}, {"a": "1", "b": "2", "c": "3"}):
        with pytest.raises(SettingError, match="gaps"):
            one.messages(**values)


@pytest.mark.parametrize("text", ["", "version: 1", "## user\nhi", "version: one\n## user\nhi"])
def test_a_file_that_is_no_prompt_is_named(text):
    with pytest.raises(SettingError, match=r"x\.en\.md"):
        prompts.read_prompt(text, "x", "en")


@pytest.mark.parametrize("name", ["nothing", "../secrets", "rank.en"])
def test_an_unknown_prompt_is_named(name):
    with pytest.raises(SettingError, match="there are"):
        prompts.prompt(name)


def test_a_language_that_is_not_ours_gets_english():
    assert prompts.prompt("rank", "fr") == prompts.prompt("rank", "en")


def test_threads_share_a_database(database):
    model = Cached(Fake(lambda messages: messages[-1].content), database)
    threads = [
        threading.Thread(
            target=lambda n=n: [model.complete(Call([Message("user", f"{n % 3}-{k}")])) for k in range(10)]
        )
        for n in range(6)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(database.read("SELECT key FROM replies")) == 30
