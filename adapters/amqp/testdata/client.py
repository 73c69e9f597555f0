"""A client of RabbitMQ that is no hub: pika.

client.py URL produce QUEUE N        sends N messages, persistent and confirmed
client.py URL consume QUEUE N        takes N messages, prints each as a line of JSON
client.py URL answer QUEUE N         answers N requests, with their body in capitals
client.py URL ask QUEUE BODY SECONDS sends a request, prints its reply as a line of JSON, or nothing
"""
import decimal
import json
import sys

import pika


def told(method, properties, body):
    print(json.dumps({
        "id": properties.message_id, "correlation": properties.correlation_id, "type": properties.content_type, "mode": properties.delivery_mode,
        "headers": {name: str(value) for name, value in (properties.headers or {}).items()}, "body": body.decode(), "key": method.routing_key,
    }), flush=True)


def produce(channel, queue, n):
    channel.confirm_delivery()
    for i in range(int(n)):
        channel.basic_publish("", queue, json.dumps({"n": i}).encode(), pika.BasicProperties(
            message_id="p-%d" % i, correlation_id="order-%d" % i, content_type="application/json", delivery_mode=2, timestamp=1700000000,
            headers={"Sku": "s-%d" % (i % 3), "n": i, "price": decimal.Decimal("1.50"), "list": ["a", 1], "nested": {"deep": {"er": True}}, "nothing": None}), mandatory=True)


def consume(channel, queue, n):
    for method, properties, body in channel.consume(queue):
        told(method, properties, body)
        channel.basic_ack(method.delivery_tag)
        if method.delivery_tag == int(n):
            break


def answer(channel, queue, n):
    channel.queue_declare(queue, durable=True)
    for method, properties, body in channel.consume(queue):
        channel.basic_publish("", properties.reply_to, body.upper(), pika.BasicProperties(
            correlation_id=properties.correlation_id, content_type="text/plain", headers={"status": 201, "answered": properties.message_id}))
        channel.basic_ack(method.delivery_tag)
        if method.delivery_tag == int(n):
            break


def ask(channel, queue, body, seconds):
    replies = channel.queue_declare("", exclusive=True).method.queue
    channel.basic_publish("", queue, body.encode(), pika.BasicProperties(
        reply_to=replies, correlation_id="c-1", message_id="ask-" + body, expiration=str(int(float(seconds) * 1000))), mandatory=True)
    for method, properties, reply in channel.consume(replies, auto_ack=True, inactivity_timeout=float(seconds)):
        if method is not None:
            told(method, properties, reply)
        break


connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
{"produce": produce, "consume": consume, "answer": answer, "ask": ask}[sys.argv[2]](connection.channel(), *sys.argv[3:])
connection.close()
