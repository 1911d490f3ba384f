"""Asks a database for an answer that takes a minute; prints a line when it asks, and then the seconds until the error.

usage: database_silence.py HOST PORT
"""

import sys
import time

import pymysql
from congress_runtime.patches import database_connections

database_connections.apply()
connection = pymysql.connect(
    host=sys.argv[1], port=int(sys.argv[2]), user="engine", password="x", read_timeout=60
)
print("asks", flush=True)
began = time.monotonic()
try:
    connection.cursor().execute("SELECT SLEEP(60)")
except pymysql.OperationalError:
    print(time.monotonic() - began)
