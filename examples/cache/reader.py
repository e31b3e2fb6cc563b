"""How much is there? From memory, from Redis, from PostgreSQL.

    python3 examples/cache/reader.py REDIS-URL < SKUs, one on each line

Connects to PostgreSQL as psql does. The relay runs beside it:

    inv_relay -S shop --sink=redis --mode=delete --filter=inventory-filter \
        --publish=inventory-changes

doc/caching.md says why each step is there.
"""
import json
import pathlib
import random
import sys
import threading
import time
import uuid

import psycopg2
import redis

SCRIPTS = pathlib.Path(__file__).parents[2] / "relay" / "lua"
LEASE = 3000            # ms in which a filler has to be done
TTL = 600_000           # ms, a tenth more or less: not all expire together
MISSING_TTL = 10_000    # of what is not there: it may come
STALE_TTL = 86_400_000  # of the last known answer
LOCAL_TTL = 1.0         # s: the longest that a lost message matters
CHANGES = "inventory-changes"
FILTER = "inventory-filter"


class Unavailable(Exception):
    """Neither Redis nor PostgreSQL can tell, and nothing is known."""


class Memory:
    """In this process. The relay names each key that has changed.

    An answer that was asked for before the change must not be kept after it:
    so every key has a number that changes with it.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.entries = {}
        self.numbers = {}
        self.number = 0             # of everything

    def get(self, key):
        with self.lock:
            value, until = self.entries.get(key, (None, 0))
            return value if until > time.monotonic() else None

    def ticket(self, key):
        with self.lock:
            return self.number, self.numbers.get(key, 0)

    def put(self, key, value, ticket):
        with self.lock:
            if ticket == (self.number, self.numbers.get(key, 0)):
                self.entries[key] = value, time.monotonic() + LOCAL_TTL

    def drop(self, key):
        with self.lock:
            self.entries.pop(key, None)
            self.numbers[key] = self.numbers.get(key, 0) + 1

    def drop_all(self):
        with self.lock:
            self.entries.clear()
            self.numbers.clear()
            self.number += 1


class Cache:
    def __init__(self, url):
        self.redis = redis.Redis.from_url(url, decode_responses=True,
                                          socket_timeout=1)
        self.scripts = {name: self.redis.register_script(
            (SCRIPTS / f"{name}.lua").read_text())
            for name in ("read", "fill", "filter_check")}
        self.memory = Memory()
        self.database = None
        ready = threading.Event()
        threading.Thread(target=self.listen, args=(url, ready),
                         daemon=True).start()
        ready.wait(5)

    def listen(self, url, ready):
        """Whenever messages may have been lost, everything is forgotten."""
        while True:
            try:
                channel = redis.Redis.from_url(
                    url, decode_responses=True).pubsub()
                channel.subscribe(CHANGES)
                for message in channel.listen():
                    if message["type"] == "subscribe" or not message["data"]:
                        self.memory.drop_all()
                        ready.set()
                    else:
                        self.memory.drop(message["data"])
            except redis.RedisError:
                self.memory.drop_all()
                time.sleep(random.uniform(0.1, 0.5))

    def level(self, sku):
        """(the level as a dict, or None: there is no such SKU; from where)"""
        try:
            return self.ask(sku)
        except (redis.RedisError, psycopg2.Error) as error:
            raise Unavailable(sku) from error

    def ask(self, sku):
        key = f"inventory:{sku}"
        value = self.memory.get(key)
        if value is not None:
            return json.loads(value), "memory"
        ticket = self.memory.ticket(key)
        try:
            value, place = self.shared(key, sku)
        except redis.RedisError:
            # The database bears some of this: limit how many at a time.
            return self.query(sku), "database"
        except psycopg2.Error:
            return self.last_known(sku), "last known"
        self.memory.put(key, value, ticket)
        return json.loads(value), place

    def shared(self, key, sku):
        if self.scripts["filter_check"](keys=[FILTER], args=[sku]) == 0:
            return "null", "filter"
        token = uuid.uuid4().hex
        for attempt in range(20):
            answer = self.scripts["read"](keys=[key], args=[token, LEASE])
            if answer[0] == "hit":
                return answer[1], "Redis"
            if answer[0] == "lease":
                return self.fill(key, sku, token), "database"
            time.sleep(0.005 * (attempt + 1))
        return json.dumps(self.query(sku)), "database"

    def fill(self, key, sku, token):
        value = json.dumps(self.query(sku))
        ttl = MISSING_TTL if value == "null" else TTL
        ttl = int(ttl * random.uniform(0.9, 1.1))
        self.scripts["fill"](keys=[key], args=[token, value, ttl])
        self.redis.set(f"last-known:{sku}", value, px=STALE_TTL)
        return value

    def query(self, sku):
        """From the primary: a replica may be behind what the relay has seen."""
        if self.database is None or self.database.closed:
            self.database = psycopg2.connect("", connect_timeout=2)
            self.database.autocommit = True
        try:
            with self.database.cursor() as cursor:
                cursor.execute("SELECT on_hand, reserved, available"
                               " FROM inv_item_level WHERE sku = %s", [sku])
                row = cursor.fetchone()
        except psycopg2.Error:
            self.database.close()
            raise
        return row and dict(zip(("on_hand", "reserved", "available"),
                                map(int, row)))

    def last_known(self, sku):
        """To be shown, not to be sold by: what is sold, PostgreSQL decides."""
        value = self.redis.get(f"last-known:{sku}")
        if value is None:
            raise Unavailable(sku)
        return json.loads(value)


cache = Cache(sys.argv[1])
for name in map(str.strip, sys.stdin):
    try:
        level, place = cache.level(name)
        print(name, level["available"] if level else "unknown", place,
              flush=True)
    except Unavailable:
        print(name, "unavailable", flush=True)
