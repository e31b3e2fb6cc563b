"""psycopg 3: python3 examples/psycopg_3.py

Connects as psql does, by PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD.
"""
import json

import psycopg
from psycopg.rows import namedtuple_row


def place_order(connection, number, customer, skus, quantities):
    """The order and its stock, in one transaction: both or neither.

    The order's number is the key, so that a repetition has no effect.
    """
    with connection.transaction():
        connection.execute(
            "INSERT INTO shop_order (number, customer) VALUES (%s, %s)"
            " ON CONFLICT DO NOTHING", [number, customer])
        return connection.execute(
            "SELECT sku, quantity, available, replayed"
            " FROM inv_deduct_many(%s, %s, reference => %s, key => %s)",
            [skus, quantities, number, number]).fetchall()


def order(connection, number, *rest):
    try:
        for line in place_order(connection, number, *rest):
            print(f"{number}: {line.quantity} {line.sku}, {line.available} left"
                  + (" (again)" if line.replayed else ""))
    except psycopg.Error as error:
        if error.sqlstate != "IV001":
            raise
        short = json.loads(error.diag.message_detail)
        print(f"{number}: refused, line {short['line']} asks for"
              f" {short['requested']} {short['sku']}, {short['available']} left")


skus = ["APPLE-1KG", "BREAD"]
with psycopg.connect(autocommit=True, row_factory=namedtuple_row) as connection:
    order(connection, "order-1", "customer-1", skus, [2, 1])
    order(connection, "order-1", "customer-1", skus, [2, 1])   # the first answer was lost
    order(connection, "order-2", "customer-2", skus, [1, 50])
