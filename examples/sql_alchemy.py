"""SQLAlchemy: python3 examples/sql_alchemy.py

Connects as psql does, by PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD.
"""
import json

from sqlalchemy import Column, Text, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, declarative_base

Base = declarative_base()


class Order(Base):
    __tablename__ = "shop_order"
    number = Column(Text, primary_key=True)
    customer = Column(Text, nullable=False)


DEDUCT = text(
    "SELECT sku, quantity, available, replayed"
    " FROM inv_deduct_many(:skus, :quantities, reference => :number, key => :number)")


def place_order(engine, number, customer, skus, quantities):
    """The order and its stock, in one transaction: both or neither.

    The order's number is the key, so that a repetition has no effect.
    """
    with Session(engine) as session, session.begin():
        session.merge(Order(number=number, customer=customer))
        return session.execute(DEDUCT, {
            "skus": skus, "quantities": quantities, "number": number}).all()


def order(engine, number, *rest):
    try:
        for line in place_order(engine, number, *rest):
            print(f"{number}: {line.quantity} {line.sku}, {line.available} left"
                  + (" (again)" if line.replayed else ""))
    except DBAPIError as error:
        if error.orig.pgcode != "IV001":
            raise
        short = json.loads(error.orig.diag.message_detail)
        print(f"{number}: refused, line {short['line']} asks for"
              f" {short['requested']} {short['sku']}, {short['available']} left")


skus = ["APPLE-1KG", "BREAD"]
engine = create_engine("postgresql+psycopg2://")
order(engine, "order-1", "customer-1", skus, [2, 1])
order(engine, "order-1", "customer-1", skus, [2, 1])   # the first answer was lost
order(engine, "order-2", "customer-2", skus, [1, 50])
