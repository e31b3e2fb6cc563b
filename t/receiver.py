# A receiver of webhooks, for tests: writes down every request, and answers as
# its path says.
#
#     receiver.py LOG PORT-FILE [CERTIFICATE KEY]
#
# LOG gets one JSON object a request: at, path, headers, body. PORT-FILE gets the
# port. Paths: /ok and others: 200. /status/N: N. /after/N: 429 with
# Retry-After: N. /redirect: 302. /drop: hangs up. /never: no answer.
# /endless: a body without end. /switch: the status in the file LOG.status.
import asyncio
import json
import ssl
import sys
import time

log = open(sys.argv[1], 'a', buffering=1)


def write_down(path, headers, body):
    log.write(json.dumps({'at': time.time(), 'path': path, 'headers': headers,
                          'body': body}) + '\n')


async def read_request(reader):
    line = await reader.readline()
    if not line:
        return None
    path = line.decode().split(' ')[1]
    headers = {}
    while True:
        line = (await reader.readline()).decode().rstrip('\r\n')
        if not line:
            break
        name, value = line.split(':', 1)
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get('content-length', 0)))
    return path, headers, body.decode()


def answer(status, *headers):
    lines = ['HTTP/1.1 %d X' % status, 'Content-Length: 2', *headers, '', 'ok']
    return '\r\n'.join(lines).encode()


async def endless(writer):
    writer.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    while True:
        writer.write(b'1000\r\n' + b'x' * 4096 + b'\r\n')
        await writer.drain()


async def respond(path, writer):
    if path.startswith('/status/'):
        writer.write(answer(int(path.split('/')[2])))
    elif path.startswith('/after/'):
        writer.write(answer(429, 'Retry-After: ' + path.split('/')[2]))
    elif path == '/redirect':
        writer.write(answer(302, 'Location: /redirected'))
    elif path == '/switch':
        with open(sys.argv[1] + '.status') as file:
            writer.write(answer(int(file.read())))
    elif path == '/never':
        await asyncio.sleep(3600)
    elif path == '/endless':
        await endless(writer)
    else:
        writer.write(answer(200))
    await writer.drain()


async def serve(reader, writer):
    try:
        while True:
            request = await read_request(reader)
            if request is None:
                break
            write_down(*request)
            if request[0] == '/drop':
                break
            await respond(request[0], writer)
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    context = None
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
    server = await asyncio.start_server(serve, '127.0.0.1', 0, ssl=context)
    with open(sys.argv[2], 'w') as file:
        file.write('%d\n' % server.sockets[0].getsockname()[1])
    await server.serve_forever()

asyncio.run(main())
