"""An order from two warehouses, each a database of its own: both or neither.

    python3 examples/tcc/order.py order order-1 2 8    # 2 tables, 8 chairs
    python3 examples/tcc/order.py finish               # what others left undone

Tables come from the database `berlin`, chairs from `paris`; the decisions are
kept in `berlin`. Connects as psql does, by PGHOST, PGPORT, PGUSER, PGPASSWORD.

`--die tried`, `--die decided` and `--die confirmed` kill the coordinator at
once: after the first try, after the decision, after the first confirm. Another
one, by `finish`, needs to know nothing but the decision.
"""
import os
import signal
import sys

import psycopg2

WAREHOUSES = {"berlin": "TABLE", "paris": "CHAIR"}
LOG = "berlin"


def die(here):
    if sys.argv[-2:] == ["--die", here]:
        os.kill(os.getpid(), signal.SIGKILL)


def connect(database):
    connection = psycopg2.connect(dbname=database)
    connection.autocommit = True        # each call is a transaction of its own
    return connection


def ask(database, sql, *values):
    """The rows of one statement, in a transaction of its own.

    Nobody can know what became of a call whose connection was lost. But every
    call can be made again: so it is.
    """
    for attempt in range(5):
        try:
            connection = connect(database)
            try:
                with connection.cursor() as cursor:
                    cursor.execute(sql, values)
                    return cursor.fetchall()
            finally:
                connection.close()
        except psycopg2.OperationalError:    # 40001 and 40P01 are some, too
            if attempt == 4:
                raise


def decide(xid, decision):
    """The point of no return: whoever decides first has decided."""
    ask(LOG, "UPDATE decision SET decided = %s WHERE xid = %s"
             " AND decided = 'not yet' RETURNING xid", decision, xid)
    return ask(LOG, "SELECT decided FROM decision WHERE xid = %s", xid)[0][0]


def carry_out(xid, decision):
    """Confirms or cancels in every warehouse, whether it was tried there or not."""
    for branch in WAREHOUSES:
        state, replayed = ask(
            branch, f"SELECT state, replayed FROM inv_{decision}(%s, %s)",
            xid, branch)[0]
        print(f"{xid}: {branch} {state}" + (" (already)" if replayed else ""), flush=True)
        die("confirmed")
    ask(LOG, "UPDATE decision SET done = true WHERE xid = %s RETURNING xid", xid)


def order(xid, *quantities):
    # known before anything is tried: else nobody would cancel it
    ask(LOG, "INSERT INTO decision (xid) VALUES (%s)"
             " ON CONFLICT (xid) DO UPDATE SET xid = excluded.xid RETURNING xid", xid)
    wish = "confirm"
    for (branch, sku), quantity in zip(WAREHOUSES.items(), quantities):
        status, available = ask(
            branch, "SELECT status, available FROM inv_try(%s, %s, %s,"
            " branch => %s, reference => %s, on_expiry => 'keep', strict => false)",
            xid, [sku], [int(quantity)], branch, xid)[0]
        if status != "ok":
            print(f"{xid}: {branch} has {available} {sku}")
            wish = "cancel"
            break
        die("tried")
    decision = decide(xid, wish)
    die("decided")
    carry_out(xid, decision)


def finish():
    # who has not decided by now never will: a try that is still on its way
    # finds the hold cancelled
    for xid, in ask(LOG, "SELECT xid FROM decision WHERE NOT done ORDER BY xid"):
        carry_out(xid, decide(xid, "cancel"))


if sys.argv[1] == "order":
    order(*sys.argv[2:5])
else:
    finish()
