#!/usr/bin/env python3
"""Overloads a running server with clients of every kind: whole answers, streams, vectors, connections that are used again, requests that are wrong,
clients that vanish, stall, drip, do not read, send garbage, or open many sockets and say nothing. Ends with what came back and whether the server
is as it was: nothing running, all pages free, as many connections as before. With --pid its memory and descriptors are watched as well.

    trit serve --port 8080 --idle 5 --queue 16 --connections 1200 &
    tools/soak_server.py http://127.0.0.1:8080 --pid $! --seconds 1200 --clients 32 --sockets 1000 --end
"""
import argparse
import collections
import http.client
import json
import os
import random
import re
import signal
import socket
import statistics
import sys
import threading
import time
import urllib.parse

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("url")
parser.add_argument("--seconds", type=float, default=60)
parser.add_argument("--clients", type=int, default=32)
parser.add_argument("--sockets", type=int, default=200, help="connections that say nothing, opened and closed all at once")
parser.add_argument("--tokens", type=int, default=60, help="of an answer at most")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--pid", type=int, help="the server's: tell its memory and descriptors, and check that they do not grow")
parser.add_argument("--every", type=float, default=30, help="seconds between two lines of --pid")
parser.add_argument("--end", action="store_true", help="with --pid: SIGTERM while answers are being made; all of them must end")
args = parser.parse_args()
place = urllib.parse.urlsplit(args.url)
address = (place.hostname, place.port)
patience = 300  # seconds: who waits longer for a byte has been forgotten
seen = collections.Counter()
lock = threading.Lock()
ending = threading.Event()  # the server was told to end


def note(what):
    with lock:
        seen[what] += 1


def connect():
    return socket.create_connection(address, timeout=patience)


# ---- Clients that behave ----

def body_of(rng, stream):
    return {"prompt": rng.choice(["Once upon a time", "One day", "The little dog"]) + " " + str(rng.randint(0, 99)), "max_tokens": rng.randint(1, args.tokens),
            "stream": stream, "n": rng.choice([1, 1, 1, 2]), "seed": rng.randint(0, 9)}


def exchange(connection, path, body, allowed):
    """One request and its whole answer, which must be of an allowed status and end as it should."""
    connection.request("POST", path, body)
    response = connection.getresponse()
    data = response.read()  # raises where the end is missing
    status = response.status
    note(f"status {status}")
    if response.getheader("Content-Type", "").startswith("text/event-stream"):
        if not data.endswith(b"data: [DONE]\n\n"):
            note("BROKEN stream")
    elif ("error" in json.loads(data)) != (status != 200):
        note("BROKEN answer")
    if status not in allowed and not (status == 503 and ending.is_set()):
        note(f"BROKEN status {status} of {path}")
    if status == 429:
        time.sleep(0.1)


def ask(connection, rng):
    exchange(connection, "/v1/completions", json.dumps(body_of(rng, rng.random() < 0.5)), (200, 429))


def behave(rng, n):
    connection = http.client.HTTPConnection(*address, timeout=patience)
    try:
        for _ in range(n):
            ask(connection, rng)
    except (OSError, http.client.HTTPException) as e:
        note("refused at the end" if ending.is_set() else f"BROKEN: {type(e).__name__}: {e}")
    finally:
        connection.close()


def whole(rng):
    behave(rng, 1)


def reuse(rng):
    behave(rng, rng.randint(2, 6))


def embed(rng):
    connection = http.client.HTTPConnection(*address, timeout=patience)
    try:
        exchange(connection, "/v1/embeddings", json.dumps({"input": ["Once upon a time", "A dog"][:rng.randint(1, 2)]}), (200, 429))
    except (OSError, http.client.HTTPException) as e:
        note("refused at the end" if ending.is_set() else f"BROKEN: {type(e).__name__}: {e}")
    connection.close()


def wrong(rng):
    """Requests that are refused, one after the other on a connection, and small ones between them."""
    connection = http.client.HTTPConnection(*address, timeout=patience)
    for path, body, status in rng.sample([("/v1/completions", "{", 400), ("/v1/completions", '{"prompt": 7}', 400), ("/v1/nothing", "{}", 404),
                                          ("/v1/completions", '{"prompt": "a", "temperature": "hot"}', 400), ("/health", "{}", 405),
                                          ("/tokenize", '{"content": "Once upon a time"}', 200), ("/detokenize", '{"tokens": [9, 8]}', 200)], 3):
        try:
            exchange(connection, path, body, (status,))
        except (OSError, http.client.HTTPException) as e:
            note("refused at the end" if ending.is_set() else f"BROKEN: {type(e).__name__}: {e}")
            break
    connection.close()


# ---- And those that do not ----

def raw_request(rng, stream):
    body = json.dumps(body_of(rng, stream)).encode()
    return f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def vanish(rng):
    with connect() as s:
        s.sendall(raw_request(rng, True))
        s.settimeout(rng.random() * 0.2 + 0.001)
        try:
            s.recv(100)
        except OSError:
            pass
    note("vanished")


def stall(rng):
    with connect() as s:
        data = raw_request(rng, False)
        s.sendall(data[:rng.randint(1, len(data) - 1)])
        time.sleep(rng.random())
    note("stalled")


def drip(rng):
    with connect() as s:
        for byte in raw_request(rng, False)[:rng.randint(10, 60)]:
            s.sendall(bytes([byte]))
            time.sleep(0.01)
    note("dripped")


def be_deaf(rng):
    """Asks, and does not read a byte of it."""
    with connect() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        s.sendall(raw_request(rng, True))
        time.sleep(rng.random() * 3)
    note("deaf")


def garbage(rng):
    with connect() as s:
        s.sendall(rng.randbytes(rng.randint(1, 4000)) + b"\r\n\r\n")
        s.shutdown(socket.SHUT_WR)
        while s.recv(65536):
            pass
    note("garbage")


def client(number, until):
    rng = random.Random(args.seed * 1000 + number)
    kinds, weights = zip((whole, 5), (reuse, 3), (embed, 1), (wrong, 1), (vanish, 2), (stall, 1), (drip, 1), (be_deaf, 1), (garbage, 1))
    while time.time() < until and not ending.is_set():
        kind = rng.choices(kinds, weights)[0]
        try:
            kind(rng)
        except OSError as e:  # of those that do not behave: the server may end it first
            note(f"{kind.__name__}: {type(e).__name__}")


def be_silent(until):
    while time.time() < until and not ending.is_set():
        sockets = []
        try:
            for _ in range(args.sockets):
                sockets.append(connect())
            time.sleep(min(5, max(0, until - time.time())))
        except OSError as e:
            note(f"silent: {type(e).__name__}")
        for s in sockets:
            s.close()
        note("silent crowds")


# ---- What the server has ----

def state():
    connection = http.client.HTTPConnection(*address, timeout=patience)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    names = ("trit_answers_running", "trit_answers_waiting", "trit_cache_pages_free", "trit_connections")
    found = {name: sum(float(x) for x in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M)) for name in names}
    if args.pid:
        found["descriptors"] = len(os.listdir(f"/proc/{args.pid}/fd"))
    return found


def is_as_before(before, after):
    """All is given back; a connection that was just closing at the beginning may be gone as well."""
    return all(after[name] >= before[name] if name == "trit_cache_pages_free" else after[name] <= before[name] for name in before)


def resident_kib():
    with open(f"/proc/{args.pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])


def watch(threads, start):
    """A line each --every seconds until the time is over and all clients are; the memory at each."""
    memory = []
    while any(t.is_alive() for t in threads):
        wake = time.time() + args.every
        while time.time() < wake and any(t.is_alive() for t in threads):
            time.sleep(0.05)
        if not args.pid:
            continue
        memory.append(resident_kib())
        with lock:
            n = sum(k for what, k in seen.items() if what.startswith("status"))
        print(f"{time.time() - start:6.0f} s  {memory[-1] / 1024:7.1f} MiB  {len(os.listdir(f'/proc/{args.pid}/fd')):5} descriptors  {n:7} answers", flush=True)
    return memory


def has_grown(memory):
    """The last third beside the one before it, which is warm. Shorter runs say nothing."""
    third = len(memory) // 3
    if third < 5:
        return False
    before, after = statistics.median(memory[third:2 * third]), statistics.median(memory[2 * third:])
    print(f"memory: {before / 1024:.1f} MiB in the middle third, {after / 1024:.1f} MiB in the last one")
    return after > 1.02 * before


def end_server():
    """SIGTERM with all places taken: what was begun ends, and so does the process."""
    threads = [threading.Thread(target=behave, args=(random.Random(i), 1)) for i in range(args.clients)]
    for t in threads:
        t.start()
    time.sleep(0.3)
    ending.set()
    start = time.time()
    os.kill(args.pid, signal.SIGTERM)
    for t in threads:
        t.join()
    while os.path.exists(f"/proc/{args.pid}") and time.time() < start + 60:
        with open(f"/proc/{args.pid}/stat", encoding="ascii") as f:
            if f.read().rsplit(")", 1)[1].split()[0] == "Z":  # its parent has not asked yet
                break
        time.sleep(0.01)
    else:
        if os.path.exists(f"/proc/{args.pid}"):
            note("BROKEN: the server does not end")
    print(f"ended {time.time() - start:.1f} s after SIGTERM")


before = state()
start = time.time()
until = start + args.seconds
threads = [threading.Thread(target=client, args=(i, until)) for i in range(args.clients)] + [threading.Thread(target=be_silent, args=(until,))]
for t in threads:
    t.start()
memory = watch(threads, start)
for _ in range(1200):
    after = state()
    if is_as_before(before, after):
        break
    time.sleep(0.1)
grown = args.pid and has_grown(memory)
if args.pid and args.end:
    end_server()
print(dict(sorted(seen.items())))
print("before", before)
print("after ", after)
sys.exit(1 if not is_as_before(before, after) or grown or any(k.startswith("BROKEN") for k in seen) else 0)
