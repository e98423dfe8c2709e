"""Kill, damage and mislead annealcam many times, and count what survives.

    python -m benchmarks.robustness [--full] [--only ROW] [--output docs/robustness-table.md]

Each row is a kind of event; a case survives if the older or the newer result is whole, the
same command then ends in the same bits, damage is reported, and an error is one line. All random
numbers are seeded. `--quick`, the default, takes minutes, `--full` some hours.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.robustness.campaign import killed_commands, two_processes
from benchmarks.robustness.damage import fuzzed_readers, wrong_bits
from benchmarks.robustness.rows import Row
from benchmarks.robustness.strangers import escapes, odd_photos, ports, schedulers
from benchmarks.robustness.writers import full_disks, killed_writers

ROWS = {
    "calls": killed_writers, "disk": full_disks, "kills": killed_commands, "two": two_processes,
    "bits": wrong_bits, "fuzz": fuzzed_readers, "ports": ports, "tls": schedulers,
    "photos": odd_photos, "escapes": escapes,
}  # fmt: skip


def table(rows: list[Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = ["| event | tried | survived | lost |", "| --- | ---: | ---: | ---: |"]
    for row in rows:
        lines.append(f"| {row.what} | {row.tried:,} | {row.survived:,} | {len(row.lost):,} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="minutes; the default")
    parser.add_argument("--full", action="store_true", help="thousands of cases; hours")
    parser.add_argument("--only", choices=ROWS, action="append", help="rows; may be repeated")
    parser.add_argument("--output", type=Path, help="file for the table")
    options = parser.parse_args()
    rows: list[Row] = []
    for name in options.only or ROWS:
        start = time.monotonic()
        for row in ROWS[name](options.full):
            rows.append(row)
            print(
                f"{row.what}: {row.tried} tried, {row.survived} survived, {len(row.lost)} lost "
                f"({time.monotonic() - start:.0f} s)", flush=True,
            )  # fmt: skip
            for fault in row.lost[:10]:
                print(f"  {fault}", flush=True)
    print(f"\n{table(rows)}", end="")
    if options.output is not None:
        from annealcam._internal.storage.files import file_written_aside

        with file_written_aside(options.output) as aside:
            aside.write_text(table(rows), encoding="utf-8")
    sys.exit(any(row.lost for row in rows))


if __name__ == "__main__":
    main()
