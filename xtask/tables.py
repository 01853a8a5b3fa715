"""Counts rows and bytes of every table below a data directory, from outside: python3 tables.py DIR.

Bytes include a table's indexes. Needs SQLite with dbstat (Debian's has it); without, bytes are 0. Opens read-only.
"""

import json
import pathlib
import sqlite3
import sys


def tables(path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    names = [row[0] for row in db.execute("select name from sqlite_master where type = 'table'")]
    try:
        sizes = dict(
            db.execute(
                "select m.tbl_name, sum(s.pgsize) from dbstat s join sqlite_master m on m.name = s.name group by 1"
            )
        )
    except sqlite3.OperationalError:
        sizes = {}
    for name in names:
        if not name.startswith("sqlite_"):
            rows = db.execute(f'select count(*) from "{name}"').fetchone()[0]
            yield name, {"rows": rows, "bytes": sizes.get(name, 0)}


found = {}
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*")):
    if path.is_file() and path.open("rb").read(16) == b"SQLite format 3\0":
        for name, counts in tables(path):
            have = found.setdefault(name, {"rows": 0, "bytes": 0})
            have["rows"] += counts["rows"]
            have["bytes"] += counts["bytes"]
print(json.dumps(found))
