"""chinesecalendar and holidays on each day of the calendar that the portal ships."""

import tomllib
from datetime import date, timedelta

import chinese_calendar
import holidays
from portal import claim, root, verdict

YEARS = [2024, 2025, 2026]
shipped = tomllib.loads((root / "catalogue/calendar.toml").read_text())["years"]
claim(f"the years are {YEARS}", [year["year"] for year in shipped] == YEARS, [year["year"] for year in shipped])

off, make_up = set(), set()
for period in (period for year in shipped for period in year["periods"]):
    day, last = date.fromisoformat(period["from"]), date.fromisoformat(period["to"])
    off |= {day + timedelta(n) for n in range((last - day).days + 1)}
    make_up |= {date.fromisoformat(text) for text in period["make_up"]}


def works(day):
    return day in make_up or (day not in off and day.weekday() < 5)


official = holidays.CN(years=YEARS)
judges = {"chinesecalendar": chinese_calendar.is_workday, "holidays": official.is_working_day}
for year in YEARS:
    days = [date(year, 1, 1) + timedelta(n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]
    for name, judge in judges.items():
        differ = [day.isoformat() for day in days if judge(day) != works(day)]
        claim(f"{name} agrees on all {len(days)} days of {year}", not differ, ", ".join(differ))
    moved = sorted(day.isoformat() for day in make_up if day.year == year)
    theirs = sorted(day.isoformat() for day in days if day.weekday() > 4 and chinese_calendar.is_workday(day))
    claim(f"chinesecalendar has the same {len(moved)} make-up days of {year}", moved and moved == theirs, theirs)
verdict("days (chinesecalendar, holidays)", 1 + 3 * 3)
