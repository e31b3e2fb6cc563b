"""Django: python3 examples/django_orm.py

Connects by PGDATABASE, and for the rest as psql does: PGHOST, PGPORT, PGUSER,
PGPASSWORD.
"""
import json
import os

import django
from django.conf import settings
from django.db import DatabaseError, connection, models, transaction

settings.configure(DATABASES={"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"]}})
django.setup()


class Order(models.Model):
    number = models.TextField(primary_key=True)
    customer = models.TextField()

    class Meta:
        app_label = "shop"
        db_table = "shop_order"


def place_order(number, customer, skus, quantities):
    """The order and its stock, in one transaction: both or neither.

    The order's number is the key, so that a repetition has no effect.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        Order.objects.get_or_create(number=number, defaults={"customer": customer})
        cursor.execute(
            "SELECT sku, quantity, available, replayed"
            " FROM inv_deduct_many(%s, %s, reference => %s, key => %s)",
            [skus, quantities, number, number])
        return cursor.fetchall()


def order(number, *rest):
    try:
        for sku, quantity, available, replayed in place_order(number, *rest):
            print(f"{number}: {quantity} {sku}, {available} left"
                  + (" (again)" if replayed else ""))
    except DatabaseError as error:
        cause = error.__cause__    # the driver's, which knows more
        if cause.pgcode != "IV001":
            raise
        short = json.loads(cause.diag.message_detail)
        print(f"{number}: refused, line {short['line']} asks for"
              f" {short['requested']} {short['sku']}, {short['available']} left")


skus = ["APPLE-1KG", "BREAD"]
order("order-1", "customer-1", skus, [2, 1])
order("order-1", "customer-1", skus, [2, 1])   # the first answer was lost
order("order-2", "customer-2", skus, [1, 50])
