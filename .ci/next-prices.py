#!/usr/bin/env python3
"""Writes a copy of pricing/ as a price update might leave it: every price that still holds changes on a given day.

    .ci/next-prices.py FOLDER DAY

FOLDER is a pricing/ folder to rewrite. The last period of each card ends on DAY, and one like it with every rate 1.37 times
as high begins. The nightly run tests the program with it: a test that fails then asserts a price of today instead of
one with a date or in a table of its own.
"""
import pathlib
import re
import sys
from decimal import Decimal

FACTOR = Decimal("1.37")


def is_open(period: str) -> bool:
    return not re.search(r"^        to: |^      - .*\bto: \d", period, re.M)


def scaled(period: str) -> str:
    return re.sub(r'"(\d+(?:\.\d+)?)"', lambda m: f'"{(Decimal(m[1]) * FACTOR).normalize():f}"', period)


def split(period: str, day: str) -> str:
    """The period until a day, and one like it with other rates from then on."""
    first, rest = period.split("\n", 1)
    until = first if "{" in first else f"{first}\n        to: {day}"
    if "{" in first:
        until = first.replace("- {", f"- {{to: {day}, ", 1)
    since = re.sub(r"\bfrom: [^,\n}]+(, |\n        |\n)?", "", scaled(period), count=1)
    since = since.replace("- {", f"- {{from: {day}, ", 1) if "{" in first else since.replace("      - ", f"      - from: {day}\n        ", 1)
    return f"{until}\n{rest}{since}"


def moved(text: str, day: str) -> str:
    """The text of a price file with the last open period of each card split."""

    def card(found: re.Match) -> str:
        periods = re.split(r"(?m)^(?=      - )", found[2])
        begins = re.search(r"\bfrom: (\d{4}-\d\d-\d\d)", periods[-1].split("rates:")[0])
        if len(periods) < 2 or not is_open(periods[-1]) or (begins and begins[1] >= day):
            return found[0]
        periods[-1] = split(periods[-1], day)
        return found[1] + "".join(periods)

    return re.sub(r"(?m)^(    prices:\n)((?:      .*\n)+)", card, text)


def main() -> None:
    folder, day = pathlib.Path(sys.argv[1]), sys.argv[2]
    for path in sorted(folder.rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        if path.name == "table.yaml":
            year, month, of_month = day.split("-")
            text = re.sub(r"(?m)^version: .*", f"version: {year}.{int(month)}.{int(of_month)}", text)
        path.write_text(moved(text, day), encoding="utf-8")


if __name__ == "__main__":
    main()
