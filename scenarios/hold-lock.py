#!/usr/bin/env python3
"""Holds SQLite's lock for writing, as a backup or a forgotten session does: hold-lock.py FILE SECONDS."""
import sqlite3
import sys
import time

database = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
while True:
    try:
        database.execute("BEGIN IMMEDIATE")
        break
    except sqlite3.OperationalError:      # the platform commits just now
        time.sleep(0.0005)
time.sleep(float(sys.argv[2]))
database.execute("ROLLBACK")
