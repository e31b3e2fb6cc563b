"""receiver.py - an HTTP receiver that behaves as well or badly as it is told

    receiver.py LOG [NAME HOST PORT [CERTIFICATE KEY]]...

Listens at each HOST and PORT (0: a free one; HOST may be an IPv6 address),
with TLS where a certificate is named (an argument "-" is none).  The tests
(InvReceiver.pm) talk to it by lines of JSON on its standard input, and each is
answered by a line on standard output when it has taken effect; the first line,
unasked, says which port each listener has.  It ends with its standard input.

    {"do": "answer", "path": "/x", "steps": [STEP, ...]}
    {"do": "close" | "open", "listener": NAME}      refuse connections, or not
    {"do": "release", "path": "/x"}                 answer what was held there

A STEP says how requests for that path are answered: "times" of them, and then
the next step is taken; the last one stays.

    "status": 200, "headers": {}, "body": ""    what is answered
    "delay": 0                                  so many seconds later
    "how": "answer", or
        "drop"            the connection is reset instead
        "never"           nothing is ever answered
        "hold"            it is answered when the tests say so
        "endless body"    a body without end
        "endless headers" headers without end
        "half"            half of the body that was announced, and no more
        "garbage"         something that is no HTTP

Every event is a line of JSON in LOG, written before anything is answered:

    {"event": "connected", "at": microseconds, "listener", "connection"}
    {"event": "request", ..., "method", "path", "query", "headers", "body",
     "answer": the status that it will be answered by, or "how"}
    {"event": "closed", ..., "sent": bytes that were handed to the system}
"""

import asyncio
import json
import os
import socket
import ssl
import struct
import sys
import time

STEP = {"how": "answer", "status": 200, "headers": {}, "body": "", "delay": 0}


class Receiver:
    """What all connections share: the log, the steps, the listeners."""

    def __init__(self, log):
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.steps = {}
        self.listeners = {}
        self.connections = 0
        self.held = {}          # by path: (connection, step)

    def note(self, event, **what):
        line = {"event": event, "at": time.time_ns() // 1000, **what}
        os.write(self.log, (json.dumps(line) + "\n").encode())

    def step(self, path):
        """The step that the next request for this path gets."""
        steps = self.steps.get(path)
        if not steps:
            return STEP
        step = steps[0]
        if "times" in step:
            step["times"] -= 1
            if step["times"] <= 0:
                steps.pop(0)
        return step

    async def obey(self, command):
        if command["do"] == "answer":
            self.steps[command["path"]] = [
                {**STEP, **step} for step in command["steps"]
            ]
        elif command["do"] == "release":
            for connection, step in self.held.pop(command["path"], []):
                connection.finish(step)
        elif command["do"] == "close":
            await self.listeners[command["listener"]].close()
        elif command["do"] == "open":
            await self.listeners[command["listener"]].open()
        else:
            raise ValueError(command["do"])


class Listener:
    def __init__(self, receiver, name, host, port, certificate, key):
        self.receiver = receiver
        self.name = name
        self.host = host
        self.port = int(port)
        self.tls = None
        self.open_connections = set()
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate, key)

    async def open(self):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: Connection(self), self.host, self.port,
            backlog=1000, ssl=self.tls, reuse_address=True)
        self.port = self.server.sockets[0].getsockname()[1]

    async def close(self):
        self.server.close()
        for connection in list(self.open_connections):
            connection.reset()


class Connection(asyncio.Protocol):
    """One connection: its requests, one after the other."""

    def __init__(self, listener):
        self.listener = listener
        self.receiver = listener.receiver
        self.buffer = b""
        self.busy = False       # a request is being answered
        self.writable = asyncio.Event()
        self.writable.set()
        self.sent = 0

    def connection_made(self, transport):
        self.transport = transport
        self.receiver.connections += 1
        self.number = self.receiver.connections
        self.listener.open_connections.add(self)
        self.note("connected")

    def connection_lost(self, error):
        self.transport = None
        self.writable.set()
        self.listener.open_connections.discard(self)
        self.note("closed", sent=self.sent)

    def pause_writing(self):
        self.writable.clear()

    def resume_writing(self):
        self.writable.set()

    def note(self, event, **what):
        self.receiver.note(event, listener=self.listener.name,
                           connection=self.number, **what)

    def data_received(self, data):
        self.buffer += data
        if not self.busy:
            self.take_request()

    def take_request(self):
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            if headers.get("expect") and not rest:
                self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        self.buffer = rest[length:]
        path, _, query = target.partition("?")
        step = self.receiver.step(path)
        answer = step["status"] if step["how"] == "answer" else step["how"]
        self.note("request", method=method, path=path, query=query,
                  headers=headers, answer=answer,
                  body=rest[:length].decode("utf-8", "surrogateescape"))
        self.answer(step, path)

    def answer(self, step, path):
        if step["how"] == "answer" and not step["delay"]:
            self.write(response(step))
            if self.buffer:
                self.take_request()
            return
        self.busy = True
        if step["how"] == "hold":
            self.receiver.held.setdefault(path, []).append((self, step))
            return
        asyncio.get_running_loop().create_task(self.answer_otherwise(step))

    async def answer_otherwise(self, step):
        await asyncio.sleep(step["delay"])
        how = step["how"]
        if how == "answer":
            self.write(response(step))
        elif how == "drop":
            self.reset()
        elif how == "half":
            whole = response({**step, "body": "x" * 1000})
            self.write(whole[:-500])
            self.reset(gently=True)
        elif how == "garbage":
            self.write(b"\x00\xff" * 100 + b"\r\n\r\n")
            self.reset(gently=True)
        elif how.startswith("endless"):
            await self.write_endlessly(how == "endless headers")
        if how == "never":
            return
        self.rest()

    def finish(self, step):
        """Answer a request that was held."""
        self.write(response(step))
        self.rest()

    def rest(self):
        """A request is done: is there another?"""
        self.busy = False
        if self.buffer and self.transport:
            self.take_request()

    async def write_endlessly(self, headers):
        self.write(b"HTTP/1.1 200 OK\r\n")
        if headers:
            chunk = b"X-More: " + b"x" * 1000 + b"\r\n"
        else:
            self.write(b"Transfer-Encoding: chunked\r\n\r\n")
            chunk = b"2000\r\n" + b"x" * 0x2000 + b"\r\n"
        while self.transport:
            self.write(chunk)
            await asyncio.sleep(0)
            await self.writable.wait()

    def write(self, data):
        if self.transport:
            self.sent += len(data)
            self.transport.write(data)

    def reset(self, gently=False):
        """End the connection: by RST, or after what was written."""
        if not self.transport:
            return
        if gently:
            self.transport.close()
            return
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


def response(step):
    body = step["body"].encode()
    headers = {"Content-Length": len(body), **step["headers"]}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {step['status']} As told\r\n{head}\r\n".encode() + body


async def main(log, *listeners):
    receiver = Receiver(log)
    while listeners:
        name, host, port, certificate, key, *listeners = (
            None if word == "-" else word for word in listeners)
        listener = Listener(receiver, name, host, port, certificate, key)
        await listener.open()
        receiver.listeners[name] = listener
    say({name: one.port for name, one in receiver.listeners.items()})
    commands = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        await receiver.obey(json.loads(line))
        say({"done": True})


def say(what):
    print(json.dumps(what), flush=True)


asyncio.run(main(*sys.argv[1:]))
