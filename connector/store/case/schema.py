"""The tables of a case file, and how one that an earlier program wrote is brought up to them."""

import json
import sqlite3

from ...errors import UsageError
from ...gap import read

# 1: no `answered` items; 2: no `unfinished`, `answer`; 3: no `recalled`; 5: fewer delivery states;
# 7: no `ruling`, decisions without label and `because`; 8: a gap's `what` and `why` as text
# 9: the state under other names
SCHEMA_VERSION = 10

_DELIVERY = """(
  type TEXT NOT NULL, id TEXT NOT NULL, write_no INTEGER NOT NULL,
  target_id TEXT, version TEXT, sent_sha256 TEXT, read_sha256 TEXT,
  status TEXT NOT NULL CHECK (status IN
    ('intended', 'sent', 'accepted', 'verified', 'form-changed', 'precision-changed', 'differs',
     'rejected', 'theirs', 'removed')),
  note TEXT NOT NULL DEFAULT '', PRIMARY KEY (type, id)) STRICT"""

_GAP = """(
  wanted TEXT NOT NULL, kind TEXT NOT NULL, reasons TEXT NOT NULL,
  expected INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (wanted, kind)) STRICT"""

# Bodies are bytes as the source sent them. `state` holds JSON by name: state.py.
# IF NOT EXISTS: two processes may open a new case at the same moment.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

-- pull: one row per search or operation asked; `next_url` is where to go on
CREATE TABLE IF NOT EXISTS query (
  key TEXT PRIMARY KEY, url TEXT NOT NULL, why TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'done', 'failed')),
  next_url TEXT, pages INTEGER NOT NULL DEFAULT 0, matches INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE IF NOT EXISTS page (
  query TEXT NOT NULL, url_sha256 TEXT NOT NULL, PRIMARY KEY (query, url_sha256)) STRICT;
-- how many records a query has by the source's own count, and how many entries came of it
CREATE TABLE IF NOT EXISTS counted (
  query TEXT PRIMARY KEY, total INTEGER, entries INTEGER NOT NULL,
  stand TEXT NOT NULL DEFAULT 'new' CHECK (stand IN ('new', 'again', 'settled'))) STRICT;
CREATE TABLE IF NOT EXISTS record (
  type TEXT NOT NULL, id TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL,
  body BLOB NOT NULL, query TEXT NOT NULL, closed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (type, id)) STRICT;
CREATE INDEX IF NOT EXISTS record_open ON record (closed);
-- references as written in the records, and what became of each
CREATE TABLE IF NOT EXISTS target (
  reference TEXT PRIMARY KEY, type TEXT NOT NULL, id TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('open', 'had', 'gap'))) STRICT;
CREATE INDEX IF NOT EXISTS target_open ON target (status);
CREATE TABLE IF NOT EXISTS attachment (
  url TEXT PRIMARY KEY, type TEXT NOT NULL, id TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('open', 'had', 'gap')),
  content_type TEXT, sha256 TEXT) STRICT;
-- what attachments hold: once, however many addresses lead to it
CREATE TABLE IF NOT EXISTS content (sha256 TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
-- `wanted` and `reasons` as JSON (store/case/gaps.py)
CREATE TABLE IF NOT EXISTS gap _GAP;
-- what the pull before had, and how this one differs from it
CREATE TABLE IF NOT EXISTS earlier (
  type TEXT NOT NULL, id TEXT NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (type, id)) STRICT;
CREATE TABLE IF NOT EXISTS change (
  type TEXT NOT NULL, id TEXT NOT NULL,
  how TEXT NOT NULL CHECK (how IN ('new', 'corrected', 'disappeared')),
  PRIMARY KEY (type, id)) STRICT;

-- what people say in place of the chart: documents they bring, items they do without
CREATE TABLE IF NOT EXISTS supplied (
  item TEXT NOT NULL, sha256 TEXT NOT NULL, content_type TEXT NOT NULL, size INTEGER NOT NULL,
  title TEXT NOT NULL, date TEXT NOT NULL, loinc TEXT NOT NULL,
  PRIMARY KEY (item, sha256)) STRICT;
CREATE TABLE IF NOT EXISTS waiver (
  item TEXT PRIMARY KEY, waived_by TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL) STRICT;
-- single records that a person lets leave, or keeps, whatever the release rules say of them
CREATE TABLE IF NOT EXISTS ruling (
  record TEXT PRIMARY KEY, how TEXT NOT NULL CHECK (how IN ('release', 'keep')),
  ruled_by TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL) STRICT;

-- map: what was decided of each record, what the checklist found, what leaves
CREATE TABLE IF NOT EXISTS decision (
  type TEXT NOT NULL, id TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN
    ('selected', 'not-selected', 'withheld', 'entered-in-error', 'merged')),
  rule TEXT NOT NULL, reason TEXT NOT NULL, label TEXT NOT NULL DEFAULT '',
  because TEXT NOT NULL DEFAULT '', PRIMARY KEY (type, id)) STRICT;
CREATE TABLE IF NOT EXISTS item (
  seq INTEGER PRIMARY KEY, item TEXT NOT NULL, need TEXT NOT NULL, kind TEXT NOT NULL,
  why TEXT NOT NULL, ask TEXT NOT NULL, evidence TEXT NOT NULL,
  answered INTEGER NOT NULL DEFAULT 0) STRICT;
-- `body` is the packet form: own id is the derived id, references are Type/<derived id>
CREATE TABLE IF NOT EXISTS entry (
  seq INTEGER PRIMARY KEY, type TEXT NOT NULL, id TEXT NOT NULL,
  origin TEXT NOT NULL CHECK (origin IN ('carried', 'authored')),
  source TEXT NOT NULL, sha256 TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (type, id)) STRICT;
CREATE INDEX IF NOT EXISTS entry_authored ON entry (source) WHERE origin = 'authored';
-- what rules changed in the records that leave, and what became of their elements (no values)
CREATE TABLE IF NOT EXISTS changed (
  type TEXT NOT NULL, id TEXT NOT NULL, rule TEXT NOT NULL, path TEXT NOT NULL,
  what TEXT NOT NULL CHECK (what IN ('translated', 'changed', 'dropped')),
  PRIMARY KEY (type, id, rule, path)) STRICT;
CREATE TABLE IF NOT EXISTS coverage (
  path TEXT PRIMARY KEY, carried INTEGER NOT NULL, translated INTEGER NOT NULL,
  changed INTEGER NOT NULL, dropped INTEGER NOT NULL, untranslated INTEGER NOT NULL) STRICT;

-- update: entries as an earlier packet had them, where this one has them otherwise or no more; and
-- those that go anew under another id, since theirs was changed or deleted
CREATE TABLE IF NOT EXISTS former (
  type TEXT NOT NULL, id TEXT NOT NULL, origin TEXT NOT NULL, source TEXT NOT NULL,
  sha256 TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (type, id)) STRICT;
-- what the source had sent of each record when a packet with it was told
CREATE TABLE IF NOT EXISTS told (
  type TEXT NOT NULL, id TEXT NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (type, id)) STRICT;
CREATE TABLE IF NOT EXISTS renewed (
  type TEXT NOT NULL, id TEXT NOT NULL, new_id TEXT NOT NULL, PRIMARY KEY (type, id)) STRICT;

-- push: what was sent in which write, where it stands now, what was read back
CREATE TABLE IF NOT EXISTS delivery _DELIVERY;
-- entries that left before something they refer to: `missing` are those, as a JSON list of keys
CREATE TABLE IF NOT EXISTS unfinished (
  type TEXT NOT NULL, id TEXT NOT NULL, missing TEXT NOT NULL, PRIMARY KEY (type, id)) STRICT;
-- attachments that go ahead as Binary resources: `number` of those with data in the entry
CREATE TABLE IF NOT EXISTS parcel (
  id TEXT PRIMARY KEY, type TEXT NOT NULL, entry_id TEXT NOT NULL, number INTEGER NOT NULL) STRICT;
-- the destination's own words about writes that did not pass whole
CREATE TABLE IF NOT EXISTS answer (
  write_no INTEGER NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
-- what became of each resource when the packet was recalled
CREATE TABLE IF NOT EXISTS recalled (
  type TEXT NOT NULL, id TEXT NOT NULL, place TEXT NOT NULL,
  fate TEXT NOT NULL CHECK (fate IN ('going', 'deleted', 'gone', 'marked', 'kept', 'remains')),
  why TEXT NOT NULL, PRIMARY KEY (type, id)) STRICT;
"""

# What an older file needs beside further tables, by the version it has.
_CHANGES = {
    1: "ALTER TABLE item ADD COLUMN answered INTEGER NOT NULL DEFAULT 0;"
    "UPDATE item SET answered = (kind = 'present');",
    5: "CREATE TABLE delivery_now _DELIVERY;"
    "INSERT INTO delivery_now SELECT * FROM delivery ORDER BY rowid;"
    "DROP TABLE delivery; ALTER TABLE delivery_now RENAME TO delivery;",
    7: "ALTER TABLE decision ADD COLUMN label TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE decision ADD COLUMN because TEXT NOT NULL DEFAULT '';",
    8: "CREATE TABLE gap_now _GAP;"
    "INSERT INTO gap_now SELECT wanted(what), kind, json_array(why), expected FROM gap;"
    "DROP TABLE gap; ALTER TABLE gap_now RENAME TO gap;",
    9: "CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
    "INSERT OR REPLACE INTO state SELECT CASE name WHEN 'state' THEN 'status'"
    " WHEN 'mapped' THEN 'mapped_with' WHEN 'identity' THEN 'route'"
    " WHEN 'doubt' THEN 'unknown_outcome' WHEN 'told' THEN 'unknown_outcome_said'"
    " WHEN 'doubts' THEN 'unknown_outcomes' WHEN 'doubles' THEN 'duplicates_decided'"
    " WHEN 'copies_kept' THEN 'duplicates_kept' WHEN 'risen' THEN 'undeleted'"
    " WHEN 'taken_back' THEN 'cancel_contents' WHEN 'write_no' THEN 'last_write'"
    " ELSE name END, value FROM fact"
    " WHERE name NOT IN ('source_software', 'second_write'); DROP TABLE fact;",
}


def bring_up(db: sqlite3.Connection) -> None:
    """Make all tables of a new file; change those of an older one, in one transaction.

    `UsageError` if the file was written by a newer version of this program.
    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise UsageError(
            f"the case file has schema {version}, this program knows {SCHEMA_VERSION}",
            "Use the version of connector that wrote it.",
        )
    if version == SCHEMA_VERSION:
        return
    db.create_function("wanted", 1, lambda what: json.dumps(read(what)))
    changes = "".join(sql for older, sql in _CHANGES.items() if 0 < version <= older)
    tables = (_SCHEMA + changes).replace("_DELIVERY", _DELIVERY).replace("_GAP", _GAP)
    db.executescript(f"BEGIN IMMEDIATE;{tables}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
