"""Rows as a table for people and as JSON for programs."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import redis
from django.conf import settings
from django.db import connection
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.measuring import Figures
from benchmarks.rows import Measured, Row, Target
from calls import store


def machine() -> dict[str, Any]:
    """What it was measured on, and what of. The load is the machine's own over the last minute before."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        postgresql = cursor.fetchone()[0]
    told: Any = redis.Redis.from_url(settings.EARSHOT_REDIS_URL).info("server")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 10**9, 1),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "mongodb": store.version(),
        "redis": told["redis_version"],
        "postgresql": postgresql,
        "commit": _commit(),
    }


def _processor() -> str:
    """What the system calls it; empty where it says nothing."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _commit() -> str:
    """Of the checkout, with a mark when something in it is not committed; empty where there is no git."""
    git = shutil.which("git")
    if git is None:
        return ""
    asked = (git, "describe", "--always", "--dirty", "--exclude=*")
    told = subprocess.run(asked, cwd=settings.BASE_DIR, check=False, capture_output=True, text=True)
    return told.stdout.strip()


def show(console: Console, measured: Measured) -> None:
    """A suite's table: medians, p99 in brackets, and what each row is held to."""
    table = Table(title=escape(measured.suite.title), title_justify="left", box=box.SIMPLE_HEAD, expand=False)
    table.add_column("what", ratio=3, min_width=24)
    for heading in ("ours", "baseline", "floor"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("target: reached", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in measured.rows:
        table.add_row(
            escape(row.what),
            _figure(row.ours, row.unit),
            _figure(row.baseline, row.unit),
            _figure(row.floor, row.unit),
            "\n".join(escape(_target(target)) for target in row.targets),
            {"ok": "[green]ok", "MISS": "[bold red]MISS"}.get(row.verdict, ""),
        )
    console.print(table)
    if measured.suite.baseline:
        console.print(f"  baseline: {escape(measured.suite.baseline)}. floor: {escape(measured.suite.floor)}.")
    for line in _notes(measured.rows):
        console.print(f"  {escape(line)}")
    console.print(f"  measured within {measured.seconds:.0f} s")
    if measured.wrong:
        console.print(f"[bold red]{escape(measured.name)}: {escape(measured.wrong)}", soft_wrap=True)
    console.print()


def as_markdown(measured: Measured) -> str:
    """The same table for a page of the docs."""
    lines = [
        f"| {measured.name} | ours | baseline | floor | target: reached | |",
        "| --- | --: | --: | --: | --- | --- |",
    ]
    for row in measured.rows:
        figures = " | ".join(_figure(one, row.unit) for one in (row.ours, row.baseline, row.floor))
        targets = "; ".join(_target(target) for target in row.targets)
        lines.append(f"| {row.what} | {figures} | {targets} | {row.verdict} |")
    notes = [*_notes(measured.rows), *([f"a wrong answer ended it: {measured.wrong}"] if measured.wrong else [])]
    return "\n".join([*lines, "", *(f"* {line}" for line in notes)])


def write(path: Path, told: Mapping[str, Any], suites: Sequence[Measured]) -> None:
    """JSON: the machine, and of each suite its rows with every figure and each target's verdict."""
    written = {
        "machine": told,
        "suites": [
            {
                "name": measured.name,
                "baseline": measured.suite.baseline,
                "floor": measured.suite.floor,
                "seconds": round(measured.seconds, 1),
                "wrong": measured.wrong,
                "rows": [{**asdict(row), "verdict": row.verdict} for row in measured.rows],
            }
            for measured in suites
        ],
    }
    path.write_bytes(orjson.dumps(written, option=orjson.OPT_INDENT_2))


def _notes(rows: Sequence[Row]) -> list[str]:
    notes = []
    for row in rows:
        told = [
            f"baseline: {row.baseline_is}" if row.baseline_is else "",
            f"floor: {row.floor_is}" if row.floor_is else "",
            row.note,
        ]
        if any(told):
            notes.append(f"{row.what}: {'; '.join(one for one in told if one)}")
    return notes


def _figure(figures: Figures | None, unit: str) -> str:
    if figures is None:
        return ""
    spread = f" ({_number(figures.p99)})" if figures.count > 1 else ""
    return f"{_number(figures.median)}{spread} {unit}"


def _target(target: Target) -> str:
    return f"{target.says}: {_number(target.reached)}"


def _number(value: float) -> str:
    """Three digits that mean something, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")
