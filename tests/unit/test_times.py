"""Times as people and systems write them."""

import datetime as dt
from typing import Any

import polars as pl
import pytest

from zhiyin.data.times import TimeForm, form_of, seconds
from zhiyin.errors import SettingError

MOMENT = 1704448800.0
"""2024-01-05 10:00 UTC."""

MIDNIGHT = MOMENT - 36000

TEXTS = [
    " 1704448800",
    "1704448800 ",
    "\u00a01704448800\u3000",
    "1704448800.0",
    "1.7044488e9",
    "1704448800000",
    "2024-01-05T10:00Z",
    "2024-01-05T10:00+00:00",
    "2024-01-05 10:00:00+00",
    "2024-01-05 10:00:00.000+00",
    "2024-01-05 10:00:00 +0000 UTC",
    "20240105T100000Z",
    "20240105T1000Z",
    "20240105 100000",
    "2024-01-05 10:00:00 UTC",
    "2024-01-05 10:00:00.000 UTC",
    "2024-01-05 10:00 GMT",
    "2024-01-05t10:00:00z",
    "2024-01-05T18:00:00+0800",
    "2024-01-05 5:00 PM +0700",
    "2024-01-05T10:00:00,5Z",
    "2024-01-05T10:00:00.123456789Z",
    "2024-01-05T18:00:00+08:00[Asia/Shanghai]",
    "2024/1/5 10:00",
    "2024.01.05 10:00",
    "05.01.2024 10:00",
    "5 Jan 2024 10:00",
    "05-Jan-2024 10:00",
    "Jan 5, 2024 10:00 AM",
    "January 5th, 2024, 10:00 am",
    "Fri, 05 Jan 2024 10:00:00 GMT",
    "Fri Jan  5 10:00:00 2024",
    "Fri Jan 05 10:00:00 +0000 2024",
    "2024年1月5日 10:00",
    "2024年01月05日10时00分00秒",
    "2024-01-05 上午10:00",
    "2024年1月5日 下午6:00 +08:00",
    "/Date(1704448800000)/",
    '{"$date": "2024-01-05T10:00:00Z"}',
]

NO_TIMES = ["soon", "", "2024-13-05", "2024-02-30", "2024-01-05 25:00", "true", "nan", "inf", "1/2/2024", None]


@pytest.mark.parametrize("text", TEXTS)
def test_a_time_that_says_clearly_when_is_read_alone_and_among_others(text: str) -> None:
    for column in ([text], [text, "2024-01-05T10:00:00Z", None, "soon"]):
        found = seconds(pl.Series(column))[0]
        assert found is not None
        assert abs(found - MOMENT) < 1


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_is_none(text: str | None) -> None:
    assert seconds(pl.Series([text, "2024-01-05"], dtype=pl.String)).to_list() == [None, MIDNIGHT]


@pytest.mark.parametrize(
    ("values", "unit", "moment"),
    [
        ([20240105, 20240106], "YYYYMMDD", MIDNIGHT),
        (["20240105", "20240106"], "YYYYMMDD", MIDNIGHT),
        ([20240105.0, None], "YYYYMMDD", MIDNIGHT),
        ([202401051000], "YYYYMMDDhhmm", MOMENT),
        ([20240105100000], "YYYYMMDDhhmmss", MOMENT),
        ([19727, 19728], "days", MIDNIGHT),
        (["45296.4166666667", "45297"], "excel", MOMENT),
        ([638400456000000000], "ticks", MOMENT),
        ([1704448800], "", MOMENT),
        ([1704448800_000], "", MOMENT),
        ([1704448800_000_000], "", MOMENT),
        ([1704448800_000_000_000], "", MOMENT),
    ],
)
def test_a_column_of_numbers_says_its_unit(values: list[Any], unit: str, moment: float) -> None:
    column = pl.Series(values)
    assert form_of(column).unit == unit
    assert seconds(column)[0] == pytest.approx(moment, abs=1e-3)


def test_few_odd_numbers_do_not_hide_the_unit() -> None:
    days = [20240105 + day for day in range(20)]
    assert seconds(pl.Series([*days, 7]))[0] == MIDNIGHT
    assert seconds(pl.Series([*days, 7]))[20] is None


@pytest.mark.parametrize("values", [[1, 2, 3], list(range(0, 90_000, 30)), [5.5], [0]])
def test_small_numbers_that_fit_no_other_unit_stay_seconds(values: list[float]) -> None:
    assert seconds(pl.Series(values)).to_list() == values


def test_a_day_above_12_tells_the_order_of_the_whole_column() -> None:
    assert seconds(pl.Series(["05/01/2024 10:00", "25/01/2024 10:00"]))[0] == MOMENT
    assert seconds(pl.Series(["1/5/2024 10:00 AM", "1/25/2024 10:00 AM"]))[0] == MOMENT
    assert seconds(pl.Series(["1/5/24 10:00"]), TimeForm(order="mdy"))[0] == MOMENT
    assert seconds(pl.Series(["25/01/2024", "01/25/2024"])).to_list() == [None, None], "both cannot be"


def test_times_without_an_offset_are_in_the_zone_asked_for() -> None:
    shanghai = TimeForm(zone="Asia/Shanghai")
    texts = pl.Series(["2024-01-05 18:00:00", "2024-01-05 18:00", "2024-01-05T10:00:00Z", "1704448800"])
    assert seconds(texts, shanghai).to_list() == [MOMENT] * 4
    assert seconds(pl.Series([dt.datetime(2024, 1, 5, 18)]), shanghai)[0] == MOMENT
    assert seconds(pl.Series(["20240105180000"]), form_of(pl.Series(["20240105180000"]), shanghai))[0] == MOMENT
    skipped = pl.Series(["2024-03-10 02:30:00", "2024-03-10 03:30:00"])
    assert seconds(skipped, TimeForm(zone="America/New_York"))[0] is None


def test_typed_columns() -> None:
    noon = dt.datetime(2024, 1, 5, 10)
    for value in (noon, noon.replace(tzinfo=dt.UTC)):
        for unit in ("ms", "us", "ns"):
            assert seconds(pl.Series([value]).dt.cast_time_unit(unit))[0] == MOMENT  # type: ignore[arg-type]
    assert seconds(pl.Series([noon.replace(tzinfo=dt.UTC)]).dt.convert_time_zone("Asia/Tokyo"))[0] == MOMENT
    assert seconds(pl.Series([noon.date()]))[0] == MIDNIGHT
    assert seconds(pl.Series([dt.timedelta(seconds=30)]))[0] == 30.0
    for column in (pl.Series([True]), pl.Series([dt.time(10)]), pl.Series([None]), pl.Series([[1]])):
        assert seconds(column).to_list() == [None], "no time, and no error"


@pytest.mark.parametrize("wrong", [{"zone": "Mars/Olympus"}, {"unit": "fortnights"}, {"order": "ymd"}])
def test_a_form_that_is_none_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(SettingError, match="must be"):
        TimeForm(**wrong)
