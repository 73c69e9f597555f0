"""A STOMP client that is no hub: stomp.py.

client.py HOST PORT produce DESTINATION N        sends N messages, each with a receipt
client.py HOST PORT consume DESTINATION N        takes N messages, prints each as a line of JSON
client.py HOST PORT answer DESTINATION N         answers N requests, with their body in capitals
client.py HOST PORT ask DESTINATION BODY SECONDS sends a request, prints its reply as a line of JSON, or nothing
"""
import json
import queue
import sys

import stomp


class Inbox(stomp.ConnectionListener):
    def __init__(self):
        self.frames = queue.Queue()
        self.receipts = queue.Queue()

    def on_message(self, frame):
        self.frames.put(frame)

    def on_receipt(self, frame):
        self.receipts.put(frame.headers["receipt-id"])

    def on_error(self, frame):
        sys.exit("ERROR %s: %s" % (frame.headers, frame.body))


def told(frame):
    print(json.dumps({"headers": frame.headers, "body": frame.body}), flush=True)


def produce(conn, inbox, destination, n):
    for i in range(int(n)):
        conn.send(destination, json.dumps({"n": i}), content_type="application/json", headers={
            "hub-id": "s-%d" % i, "hub-key": "k-%d" % (i % 3), "correlation-id": "order-%d" % i, "Sku": "a:b\\c\nd %d" % i, "persistent": "true", "timestamp": "1700000000",
            "receipt": "r-%d" % i})
    for i in range(int(n)):
        inbox.receipts.get(timeout=20)


def consume(conn, inbox, destination, n):
    conn.subscribe(destination, id="py", ack="client-individual", headers={"prefetch-count": "1"})
    for i in range(int(n)):
        frame = inbox.frames.get(timeout=20)
        told(frame)
        conn.ack(frame.headers["ack"])


def answer(conn, inbox, destination, n):
    conn.subscribe(destination, id="py", ack="client-individual")
    for i in range(int(n)):
        frame = inbox.frames.get(timeout=20)
        conn.send(frame.headers["reply-to"], frame.body.upper(), content_type="text/plain", headers={
            "correlation-id": frame.headers["correlation-id"], "status": "201", "answered": frame.headers["hub-id"]})
        conn.ack(frame.headers["ack"])


def ask(conn, inbox, destination, body, seconds):
    conn.send(destination, body, headers={"reply-to": "/temp-queue/mine", "correlation-id": "c-1", "hub-id": "ask-" + body, "expiration": str(int(float(seconds) * 1000))})
    try:
        told(inbox.frames.get(timeout=float(seconds)))
    except queue.Empty:
        pass


host, port, verb = sys.argv[1:4]
connection = stomp.Connection12([(host, int(port))], vhost="/", heartbeats=(5000, 5000))
inbox = Inbox()
connection.set_listener("", inbox)
connection.connect("guest", "guest", wait=True)
{"produce": produce, "consume": consume, "answer": answer, "ask": ask}[verb](connection, inbox, *sys.argv[4:])
connection.disconnect(receipt="bye")
