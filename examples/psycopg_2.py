"""psycopg2: python3 examples/psycopg_2.py

Connects as psql does, by PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD.
"""
import json

import psycopg2
from psycopg2.extras import NamedTupleCursor


def place_order(connection, number, customer, skus, quantities):
    """The order and its stock, in one transaction: both or neither.

    The order's number is the key, so that a repetition has no effect.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO shop_order (number, customer) VALUES (%s, %s)"
            " ON CONFLICT DO NOTHING", [number, customer])
        cursor.execute(
            "SELECT sku, quantity, available, replayed"
            " FROM inv_deduct_many(%s, %s, reference => %s, key => %s)",
            [skus, quantities, number, number])
        return cursor.fetchall()


def order(connection, number, *rest):
    try:
        for line in place_order(connection, number, *rest):
            print(f"{number}: {line.quantity} {line.sku}, {line.available} left"
                  + (" (again)" if line.replayed else ""))
    except psycopg2.Error as error:
        if error.pgcode != "IV001":
            raise
        short = json.loads(error.diag.message_detail)
        print(f"{number}: refused, line {short['line']} asks for"
              f" {short['requested']} {short['sku']}, {short['available']} left")


skus = ["APPLE-1KG", "BREAD"]
connection = psycopg2.connect("", cursor_factory=NamedTupleCursor)
order(connection, "order-1", "customer-1", skus, [2, 1])
order(connection, "order-1", "customer-1", skus, [2, 1])   # the first answer was lost
order(connection, "order-2", "customer-2", skus, [1, 50])
connection.close()
